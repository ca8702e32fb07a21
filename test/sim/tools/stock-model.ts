/** What a stock answers: see `stock.ts`. */
import type { MachineModel, ModelAnswer } from './machine-model.ts'

/** As in `stock.ts`. */
const MAX = 20

interface Stock {
  inStock: number
  ids: number
}

export const stockModel: MachineModel<Stock> = {
  start: () => ({ inStock: 0, ids: 0 }),
  apply(stock, body): ModelAnswer {
    const [op, n = 0] = body as [number, number]
    if (op === 0) return [true, stock.inStock]
    if (op === 2) {
      stock.ids += n
      return [true, stock.ids]
    }
    if (stock.inStock + n < 0 || stock.inStock + n > MAX) return [false, 'out-of-bounds']
    stock.inStock += n
    return [true, stock.inStock]
  },
}
