// A page that hears late, as on a busy machine: KAFKAML_TEST_LAG=2 delays each
// answer by up to a second and what streams by one to three, all at random. A
// test that acts on what the page has not shown yet fails then, not once in a
// hundred runs.
import type { Page } from '@playwright/test'

const lag = Number(process.env.KAFKAML_TEST_LAG ?? 0) * 1000 // the mean delay of a message that streams

export async function delayed(page: Page): Promise<void> {
  if (lag === 0) return
  await page.addInitScript((mean) => {
    const [fetched, start, now] = [window.fetch.bind(window), window.setTimeout.bind(window), performance.now.bind(performance)]
    const pause = (ms: number) => new Promise((done) => start(done, ms))
    window.fetch = async (input, init) => {
      const answer = await fetched(input, init)
      if (!answer.headers.get('Content-Type')?.startsWith('text/event-stream')) {
        await pause((Math.random() * mean) / 2)
        init?.signal?.throwIfAborted()
        return answer
      }
      let told: Promise<unknown> = Promise.resolve() // the chunks keep their order
      const late = new ReadableStream<Uint8Array>({
        async start(to) {
          const reader = answer.body?.getReader()
          try {
            for (;;) {
              const chunk = await reader?.read()
              const [before, until] = [told, now() + mean * (0.5 + Math.random())]
              told = before.then(() => pause(until - now())).then(() => (chunk?.value ? to.enqueue(chunk.value) : to.close())).catch(() => undefined) // nobody reads any more
              if (!chunk?.value) return
            }
          } catch (error) {
            to.error(error)
          }
        },
      })
      return new Response(late, answer)
    }
  }, lag)
}
