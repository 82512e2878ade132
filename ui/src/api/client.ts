import { predictUrl, urlOf, type Step } from './config'
import { fetchAs } from './login'
import { asRefusal, refusalOf } from './refusal'
import type { Page } from './types'

/** A command is a CloudEvent for the door of a function. */
export interface Command {
  step: Step
  /** In place of the step: the inference whose predict function it is for. */
  inference?: string
  /** Of the event: io.kafkaml.<thing>.<verb>.v1 */
  type: string
  /** The id of the thing that the command is about; none where it makes one. */
  subject?: number
  data: unknown
}

const source = '/kafkaml/page'

export interface CloudEvent {
  specversion: '1.0'
  id: string
  source: string
  type: string
  subject?: string
  datacontenttype?: string
  data?: unknown
}

export function eventOf(command: Command, id: string = uuid()): CloudEvent {
  return {
    specversion: '1.0',
    id,
    source,
    type: command.type,
    ...(command.subject === undefined ? {} : { subject: String(command.subject) }),
    datacontenttype: 'application/json',
    data: command.data,
  }
}

/** A random UUID, version 4; crypto.randomUUID is only there over HTTPS and on localhost. */
function uuid(): string {
  const b = crypto.getRandomValues(new Uint8Array(16))
  b[6] = ((b[6] ?? 0) & 0x0f) | 0x40
  b[8] = ((b[8] ?? 0) & 0x3f) | 0x80
  const hex = [...b].map((n) => n.toString(16).padStart(2, '0')).join('')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** The door that takes the command. */
export function doorOf(command: Command): string {
  return command.inference === undefined ? urlOf(command.step) : predictUrl(command.inference, '')
}

/** Posts the command and gives the resource of the answer. A refusal, also one that is an event, is thrown. */
export async function send<T>(command: Command, options: { keepalive?: boolean } = {}): Promise<T> {
  const answer = await request(doorOf(command), {
    method: 'POST',
    headers: { 'Content-Type': 'application/cloudevents+json' },
    body: JSON.stringify(eventOf(command)),
    ...options,
  })
  const event = (await answer.json()) as CloudEvent
  if (/\.rejected(\.v\d+)?$/.test(event.type)) throw refusalOf(event.data, 'the command was refused')
  return event.data as T
}

/** Posts a question, which changes nothing, and gives the answer. */
export async function ask<T>(step: Step, path: string, question: unknown, signal?: AbortSignal): Promise<T> {
  const answer = await request(urlOf(step, path), { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(question), ...(signal ? { signal } : {}) })
  return (await answer.json()) as T
}

/** Fetches and throws a Refusal for anything but a 2xx. */
export async function request(url: string, init: RequestInit = {}): Promise<Response> {
  let answer: Response
  try {
    answer = await fetchAs(url, init)
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw asRefusal(error)
  }
  if (answer.ok) return answer
  const fallback = `${answer.status} ${answer.statusText}`
  throw refusalOf(await answer.json().catch(() => null), fallback)
}

export async function read<T>(step: Step, path: string, signal?: AbortSignal): Promise<T> {
  const answer = await request(urlOf(step, path), signal ? { signal } : {})
  return (await answer.json()) as T
}

export async function readText(step: Step, path: string): Promise<string> {
  return (await request(urlOf(step, path))).text()
}

/** Every item of a list, page after page. */
export async function readAll<T>(step: Step, path: string): Promise<T[]> {
  const all: T[] = []
  let after = ''
  do {
    const query = new URLSearchParams({ limit: '1000', ...(after ? { after } : {}) })
    const page = await read<Page<T>>(step, `${path}?${query}`)
    all.push(...(page.items ?? []))
    after = page.next ?? ''
  } while (after)
  return all
}
