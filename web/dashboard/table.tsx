import type { ComponentChildren } from 'preact'
import { useRef } from 'preact/hooks'

export interface Column<Row, Order extends string> {
  readonly title: string
  /** By what the relay ranks the rows when its button is pressed; the second is for pressing it again. */
  readonly orders?: readonly [Order, Order?]
  readonly cell: (row: Row) => ComponentChildren
  /** The cell that names the row. */
  readonly head?: boolean
}

interface Props<Row, Order extends string> {
  readonly caption: string
  readonly columns: readonly Column<Row, Order>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string
  readonly order: Order
  readonly onOrder: (order: Order) => void
}

/** Rows that the relay has ranked, with buttons to have them ranked otherwise. */
export function Table<Row, Order extends string>(props: Props<Row, Order>) {
  const { caption, columns, keyOf, order, onOrder } = props
  const body = useRef<HTMLTableSectionElement>(null)
  const places = useRef<{ order: Order; keys: readonly string[] }>({ order, keys: [] })
  const held = places.current.order === order && body.current?.matches(':hover, :focus-within') === true
  const rows = held ? inPlace(props.rows, keyOf, places.current.keys) : props.rows
  places.current = { order, keys: rows.map(keyOf) }

  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard too
    <section class="scroll" tabIndex={0} aria-label={caption}>
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ title, orders }) => (
              <th key={title} scope="col" aria-sort={sortOf(order, orders)}>
                {orders ? (
                  <button type="button" class="sort" onClick={() => onOrder(following(order, orders))}>
                    {title}
                    <span aria-hidden="true">{MARKS[sortOf(order, orders)]}</span>
                  </button>
                ) : (
                  title
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody ref={body}>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map(({ title, head, cell }) =>
                head ? (
                  <th key={title} scope="row">
                    {cell(row)}
                  </th>
                ) : (
                  <td key={title}>{cell(row)}</td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

const MARKS = { descending: ' ▾', ascending: ' ▴', none: '' } as const

function sortOf<Order>(order: Order, orders: readonly [Order, Order?] | undefined): keyof typeof MARKS {
  if (order === orders?.[0]) return 'descending'
  return orders?.[1] !== undefined && order === orders[1] ? 'ascending' : 'none'
}

function following<Order>(order: Order, [first, second]: readonly [Order, Order?]): Order {
  return order === first && second !== undefined ? second : first
}

/** A row does not move away from under the pointer or the focus: those that stay keep their places. */
function inPlace<Row>(rows: readonly Row[], keyOf: (row: Row) => string, keys: readonly string[]): readonly Row[] {
  const byKey = new Map(rows.map((row) => [keyOf(row), row]))
  const stayed = keys.flatMap((key) => byKey.get(key) ?? [])
  const known = new Set(keys)
  return [...stayed, ...rows.filter((row) => !known.has(keyOf(row)))]
}
