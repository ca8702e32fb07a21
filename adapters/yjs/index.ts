/**
 * Yjs over a space: a provider, and lists and texts. Public entry `tutti/adapters/yjs`, for documents of `yjs` 13.
 *
 * `tutti/adapters/yjs/provider` imports no Yjs and takes the package from its caller: for `@y/y` 14.
 */
export { list, type SharedList } from './list.ts'
export type { ProviderEvents, ProviderFault, ProviderOptions } from './provider.ts'
export type { SharedTypeOptions } from './shared-type.ts'
export { type SharedText, type TextAttributes, text } from './text.ts'
export { TuttiProvider } from './tutti-provider.ts'
