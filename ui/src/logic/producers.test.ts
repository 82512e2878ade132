import { describe, expect, it } from 'vitest'
import { controlMessage, isImage, producers, rawConfig, type Target } from './producers'

const tensor = (shape: number[], dtype = 'float32') => ({ name: 'x', dtype, shape })
const target: Target = {
  deployment: 3, topic: 'digits', validationRate: 0.1, testRate: 0, brokers: 'h:1', controlTopic: 'C', server: 'http://h:2', streams: 'http://h:2/records/streams',
  model: { inputs: [tensor([28, 28])], labels: [tensor([], 'int32')] },
}

describe('producers', () => {
  it('tells pictures', () => {
    expect([[28, 28], [32, 32, 3], [24, 1], [10], [28, 28, 5]].map((s) => isImage(tensor(s)))).toEqual([true, true, false, false, false])
  })
  it('sends images as bytes and other inputs as they are', () => {
    expect(rawConfig(target.model)).toEqual({ data_type: 'uint8', data_reshape: '28 28', label_type: 'uint8', label_reshape: '' })
    expect(rawConfig({ inputs: [tensor([8])], labels: [tensor([1])] })).toEqual({ data_type: 'float32', data_reshape: '8', label_type: 'float32', label_reshape: '1' })
  })
  it('sends texts as members of JSON objects', () => {
    const clerk = { ...target, model: { inputs: [tensor([1]), { ...tensor([1], 'string'), name: 'job' }], labels: [] } }
    expect(controlMessage(clerk, 7)).toMatchObject({ input_format: 'JSON', input_config: { data_fields: ['x', 'job'], label_field: 'label' } })
    expect(producers(clerk).find((w) => w.name === 'Python')?.text).toContain('json.dumps({**x, "label": y})')
    expect(producers(clerk).find((w) => w.name === 'Go')?.text).toContain('Format: "JSON"')
  })
  it('fills the control message in', () => {
    expect(controlMessage(target, 70)).toMatchObject({ deployment_id: 3, topic: 'digits:0:0:70', total_msg: 70, validation_rate: 0.1 })
  })
  it('names the deployment and the server in each way', () => {
    const all = producers(target)
    expect(all[0]?.text).toContain('--server http://h:2')
    expect(all[0]?.text).toContain('--deployment 3 --validation-rate 0.1')
    expect(all.every((w) => w.text.includes('3'))).toBe(true)
  })
})
