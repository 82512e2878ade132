// Adds up the units, the types and the browser's tests: "N passed, N failed", and
// says again which of the browser's tests failed, with the argument failed that alone.
import { readFileSync } from 'node:fs'

const read = (name) => {
  try {
    return JSON.parse(readFileSync(new URL(`artefacts/${name}`, import.meta.url), 'utf8'))
  } catch {
    return undefined
  }
}
const units = read('units.json') ?? { numPassedTests: 0, numFailedTests: 1 }
const browser = read('browser.json')?.stats ?? { expected: 0, unexpected: 1, flaky: 0, skipped: 0 }
const types = process.env.TYPES === '1'
const passed = units.numPassedTests + browser.expected + Number(types)
const failed = units.numFailedTests + browser.unexpected + browser.flaky + browser.skipped + Number(!types)
for (const { title, message } of unexpected(read('browser.json')?.suites ?? [])) console.log(`failed: ${title}\n  ${message}`)
if (process.argv[2] !== 'failed') console.log(`${passed} passed, ${failed} failed`)

/** The browser's tests that failed, and the beginning of why. */
function unexpected(suites) {
  return suites.flatMap((s) => [
    ...unexpected(s.suites ?? []),
    ...s.specs.filter((spec) => !spec.ok).map((spec) => ({
      title: spec.title,
      message: (spec.tests[0]?.results[0]?.error?.message ?? '').replace(/\u001b\[[0-9;]*m/g, '').split('\n').filter((l) => l.trim()).slice(0, 12).join('\n  '),
    })),
  ])
}
