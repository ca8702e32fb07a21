/** `npm run sim:golden -- --update` writes the transcripts anew; without it, they are printed. */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { goldens, record } from './transcripts.ts'

for (const golden of goldens) {
  const text = await record(golden)
  if (process.argv.includes('--update')) {
    writeFileSync(fileURLToPath(new URL(`${golden.name}.txt`, import.meta.url)), text)
  } else process.stdout.write(`${text}\n`)
}
