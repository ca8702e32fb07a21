/**
 * Three pages in browser profiles of their own share a Yjs document over WebRTC, with the kernels in their workers.
 */
import { assertEqual } from './assert.ts'
import { closeAll, openTab, startSignaling, type Tab } from './tabs.ts'

const names = ['Ann', 'Bob', 'Cleo']

async function openPages(): Promise<[Tab, Tab, Tab]> {
  const { url: signaling } = await startSignaling()
  const space = `yjs ${Math.random()}`
  const open = (name = ''): Promise<Tab> => openTab('yjs', { query: { space, signaling, name } })
  const pages = await Promise.all([open(names[0]), open(names[1]), open(names[2])])
  await Promise.all(pages.map((page) => page.evaluate(() => window.yjs.provider.whenReady)))
  await Promise.all(pages.map((page) => page.evaluate(seen, names)))
  return pages
}

function seen(wanted: readonly string[]): Promise<void> {
  return window.yjs.until(() => `${window.yjs.names()}` === `${wanted}`, `seen: ${wanted}`)
}

function has(length: number): Promise<string> {
  const text = window.yjs.doc.getText('text')
  return window.yjs.until(() => text.length === length, `${length} characters`).then(() => text.toString())
}

describe('Yjs in three pages', () => {
  afterEach(closeAll)

  it('has its initial content once, equal text, and no cursor of a page that crashed', async function () {
    this.timeout(60_000)
    const pages = await openPages()
    await Promise.all(
      pages.map((page, i) =>
        page.evaluate((at) => {
          for (let n = 0; n < 100; n += 1) window.yjs.doc.getText('text').insert(0, `${at}`)
        }, i),
      ),
    )
    const texts = await Promise.all(pages.map((page) => page.evaluate(has, 'begun '.length + 300)))
    assertEqual(new Set(texts).size, 1, 'different texts')
    assertEqual(texts[0]?.split('begun ').length, 2, 'initial content')
    const [ann, bob, cleo] = pages
    await cleo.crash()
    await Promise.all([ann, bob].map((page) => page.evaluate(seen, ['Ann', 'Bob'])))
    assertEqual(await Promise.all([ann, bob].map((page) => page.errors())), [[], []])
  })

  it('takes an update of two megabytes, and a page that disconnects brings what it wrote meanwhile', async function () {
    this.timeout(60_000)
    const [ann, bob, cleo] = await openPages()
    await ann.evaluate(() => {
      window.yjs.doc.getMap('map').set('large', new Uint8Array(2_000_000))
    })
    for (const page of [bob, cleo]) {
      await page.evaluate(() => {
        const map = window.yjs.doc.getMap<Uint8Array>('map')
        return window.yjs.until(() => map.get('large')?.length === 2_000_000, 'large')
      })
    }
    await bob.evaluate(() => {
      window.yjs.provider.disconnect()
      window.yjs.doc.getText('text').insert(0, 'offline ')
    })
    await ann.evaluate(seen, ['Ann', 'Cleo'])
    await bob.evaluate(() => {
      window.yjs.provider.connect()
    })
    const texts = await Promise.all([ann, bob, cleo].map((page) => page.evaluate(has, 'offline begun '.length)))
    assertEqual(texts, ['offline begun ', 'offline begun ', 'offline begun '])
  })
})
