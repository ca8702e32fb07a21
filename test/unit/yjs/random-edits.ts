/** Random edits of arrays, maps, texts and XML, as Yjs's own tests make them. */
import * as prng from 'lib0/prng'
import * as Y from 'yjs'

type Edit = (doc: Y.Doc, gen: prng.PRNG) => void

let unique = 0

const array = (doc: Y.Doc): Y.Array<unknown> => doc.getArray('array')
const map = (doc: Y.Doc): Y.Map<unknown> => doc.getMap('map')
const text = (doc: Y.Doc): Y.Text => doc.getText('text')
const xml = (doc: Y.Doc): Y.XmlElement => doc.get('xml', Y.XmlElement)
const upTo = (gen: prng.PRNG, max: number): number => prng.int32(gen, 0, max)

/** One of them is drawn at a time. */
const edits: readonly Edit[] = [
  function insertValues(doc, gen) {
    unique += 1
    const values = Array.from({ length: 1 + upTo(gen, 3) }, () => unique)
    array(doc).insert(upTo(gen, array(doc).length), values)
  },
  function insertArray(doc, gen) {
    const at = upTo(gen, array(doc).length)
    array(doc).insert(at, [new Y.Array()])
    ;(array(doc).get(at) as Y.Array<number>).insert(0, [1, 2, 3, 4])
  },
  function insertMap(doc, gen) {
    const at = upTo(gen, array(doc).length)
    array(doc).insert(at, [new Y.Map()])
    ;(array(doc).get(at) as Y.Map<unknown>).set('key', upTo(gen, 100))
  },
  function insertNull(doc, gen) {
    array(doc).insert(upTo(gen, array(doc).length), [null])
  },
  function deleteValues(doc, gen) {
    const { length } = array(doc)
    if (length === 0) return
    const at = upTo(gen, length - 1)
    const count = 1 + upTo(gen, Math.min(2, length - at - 1))
    const type = array(doc).get(at)
    // Now and then what is in it, and not itself.
    if (type instanceof Y.Array && type.length > 0 && prng.bool(gen)) type.delete(upTo(gen, type.length - 1), 1)
    else array(doc).delete(at, count)
  },
  function set(doc, gen) {
    map(doc).set(prng.oneOf(gen, ['one', 'two']), prng.utf16String(gen))
  },
  function setType(doc, gen) {
    const type = prng.oneOf(gen, [new Y.Array<number>(), new Y.Map<unknown>()])
    map(doc).set(prng.oneOf(gen, ['one', 'two']), type)
    if (type instanceof Y.Array) type.insert(0, [1, 2, 3, 4])
    else type.set('deep', 'value')
  },
  function deleteKey(doc, gen) {
    map(doc).delete(prng.oneOf(gen, ['one', 'two']))
  },
  function insertText(doc, gen) {
    const attributes = prng.oneOf(gen, [undefined, { bold: true }, { italic: true }])
    text(doc).insert(upTo(gen, text(doc).length), prng.word(gen, 1, 8), attributes)
  },
  function insertEmbed(doc, gen) {
    text(doc).insertEmbed(upTo(gen, text(doc).length), { image: 'a' })
  },
  function deleteText(doc, gen) {
    const at = upTo(gen, text(doc).length)
    text(doc).delete(at, upTo(gen, Math.min(4, text(doc).length - at)))
  },
  function format(doc, gen) {
    const at = upTo(gen, text(doc).length)
    const count = upTo(gen, Math.min(6, text(doc).length - at))
    if (count > 0) text(doc).format(at, count, { bold: prng.oneOf(gen, [true, null]) })
  },
  function insertElement(doc, gen) {
    const node = prng.bool(gen) ? new Y.XmlElement(prng.oneOf(gen, ['p', 'div'])) : new Y.XmlText(prng.word(gen))
    xml(doc).insert(upTo(gen, xml(doc).length), [node])
  },
  function deleteElement(doc, gen) {
    if (xml(doc).length > 0) xml(doc).delete(upTo(gen, xml(doc).length - 1), 1)
  },
  function severalAtOnce(doc, gen) {
    doc.transact(() => {
      for (let i = upTo(gen, 4); i >= 0; i -= 1) prng.oneOf(gen, simple)(doc, gen)
    })
  },
]
const simple = edits.filter(({ name }) => name !== 'severalAtOnce')

/** Makes one. */
export function editAtRandom(doc: Y.Doc, gen: prng.PRNG): void {
  prng.oneOf(gen, [...edits])(doc, gen)
}
