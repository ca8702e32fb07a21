/**
 * A module that does nothing, for `import-probe.mjs`.
 */
export const nothing: undefined = undefined
