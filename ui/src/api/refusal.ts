import type { Position } from './types'

/** Why something was not done, for a person: the field at fault, the reason, the next step. */
export class Refusal extends Error {
  readonly field: string
  readonly hint: string
  readonly kind: string
  readonly at: Position | undefined

  constructor(reason: string, more: { field?: string; hint?: string; kind?: string; at?: Position } = {}) {
    super(reason)
    this.name = 'Refusal'
    this.field = more.field ?? ''
    this.hint = more.hint ?? ''
    this.kind = more.kind ?? 'internal'
    this.at = more.at
  }

  get reason(): string {
    return this.message
  }

  /** Whether the error is about a field, or about a member of it. */
  concerns(field: string): boolean {
    return this.field === field || this.field.startsWith(`${field}.`) || this.field.startsWith(`${field}[`)
  }
}

interface Body {
  detail?: string
  reason?: string
  error?: string
  field?: string
  hint?: string
  kind?: string
  at?: Position
}

/** Reads problem details (RFC 9457), the data of a .rejected event, or an error of the Open Inference Protocol. */
export function refusalOf(body: unknown, fallback: string): Refusal {
  if (typeof body !== 'object' || body === null) return new Refusal(fallback)
  const b = body as Body
  return new Refusal(b.detail || b.reason || b.error || fallback, b)
}

export function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  if (error instanceof TypeError) {
    return new Refusal('the server does not answer', { kind: 'unavailable', hint: 'see whether kafkaml still runs; the page reconnects by itself' })
  }
  return new Refusal(error instanceof Error ? error.message : String(error))
}
