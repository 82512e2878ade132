import { describe, expect, it } from 'vitest'
import { createConfiguration, deleteModel, scaleInference } from '../api/commands'
import { curl, kafkaml, quote, terminals } from './ascommand'

describe('as command', () => {
  it('quotes what a shell would read', () => {
    expect(quote('a-b')).toBe('a-b')
    expect(quote("it's")).toBe(`'it'\\''s'`)
    expect(quote('$(rm)')).toBe("'$(rm)'")
  })
  it('gives the CloudEvent to curl', () => {
    const text = curl(deleteModel(3), 'http://h/model-register/')
    expect(text).toContain("-H 'Ce-Type: io.kafkaml.model.delete.v1'")
    expect(text).toContain("-H 'Ce-Subject: 3'")
    expect(text).toMatch(/Ce-Id: [0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'/)
  })
  it('writes the command line as the manual has it', () => {
    expect(kafkaml(scaleInference(2, 0, 5), 'http://127.0.0.1:8080')).toBe('kafkaml inferences scale 2 0-5')
    expect(kafkaml(createConfiguration({ name: 'digits', description: '', models: [1, 2] }), 'http://x:1')).toBe(
      'kafkaml --server http://x:1 configurations create \\\n  --name digits \\\n  --models 1,2',
    )
  })
  it('offers each way once', () => {
    expect(terminals(deleteModel(1), 'u', 's').map((t) => t.name)).toEqual(['curl', 'kn func', 'kafkaml', 'kn'])
  })
  it('offers kubectl where the functions run in a cluster', () => {
    const all = terminals(deleteModel(1), 'u', 's', { namespace: 'ml', server: 'http://page.ml.svc.cluster.local' })
    const { text } = all.find((t) => t.name === 'kubectl') ?? { text: '' }
    expect(text).toMatch(/^kubectl -n ml exec -i "\$\(kubectl -n ml get pods .* -- \\\n/)
    expect(text).toContain('/usr/local/bin/kafkaml --server http://page.ml.svc.cluster.local models delete 1')
  })
})
