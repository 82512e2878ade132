// Adds up the units, the types and the browser's tests: "N passed, N failed".
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
console.log(`${passed} passed, ${failed} failed`)
