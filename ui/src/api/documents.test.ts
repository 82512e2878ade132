import { readFileSync } from 'node:fs'
import { Parser } from '@asyncapi/parser'
import { Validator } from '@seriousme/openapi-schema-validator'
import { expect, test } from 'vitest'

// What the functions serve; a test of cmd/kafkaml, which test.sh runs before, leaves it there.
const read = (name: string) => readFileSync(new URL(`../../../bin/${name}`, import.meta.url), 'utf8')

test('openapi.json is OpenAPI 3.1', async () => {
  const validator = new Validator()
  const result = await validator.validate(JSON.parse(read('openapi.json')))
  expect(result.errors ?? []).toEqual([])
  expect(result.valid).toBe(true)
  expect(validator.version).toBe('3.1')
})

test('asyncapi.json is AsyncAPI 3.0', { timeout: 60_000 }, async () => {
  const { document, diagnostics } = await new Parser().parse(read('asyncapi.json'))
  expect(diagnostics.filter((d) => d.severity === 0)).toEqual([])
  expect(document?.version()).toBe('3.0.0')
})
