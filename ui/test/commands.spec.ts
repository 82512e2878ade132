// Each command as the page shows it for kafkaml: the program must make the same
// event of it as the page posts.
import { execFileSync } from 'node:child_process'
import { expect, test } from '@playwright/test'
import * as commands from '../src/api/commands'
import type { Command } from '../src/api/client'
import { kafkaml } from '../src/logic/ascommand'
import { binary } from './machine'
import { dirname } from 'node:path'

const model = { name: "a'b", description: 'two\nlines', imports: 'import keras', source: "x = 'y'", framework: 'tensorflow' } as const
const configuration = { name: 'c', description: '', models: [1, 2] }
const deployment = { configuration: 1, batch_size: 32, training_kwargs: 'epochs=5, class_weight={0: 1.0}', validation_kwargs: 'steps=3', seed: 4, engine: 'graph', gpus: 1, description: 'd e' } as const
const schedule = { ...deployment, every: '24h', on_drift_of: 2, window: '7 days', alias: 'champion', metric: 'loss', margin: 0.01 } as const
const following = { configuration: 1, batch_size: 32, training_kwargs: '', seed: 0, gpus: 0, mode: 'stream', drift: 'adwin', on_drift: 'rate', drift_rate: 2.5, drift_records: 200, follows: 'm@champion' } as const
const study = { configuration: 1, space: 'model=[a,b], hp.units=int(4,8,4)', objective: 'val_loss', direction: 'min', trials: 4, parallel: 2, sampler: 'grid', pruner: 'asha', datasource: 1, batch_size: 8, training_kwargs: 'epochs=5', seed: 4 } as const
const inference = { result: 1, name: 'n', replicas: 1, max_replicas: 1, delivery: 'direct', input_format: 'RAW', input_config: { data_type: 'uint8' }, input_topic: 'i', output_topic: 'o', dead_letter_topic: 'd' } as const
const datasource = { deployment: 1, topic: 'orders,refunds:0', since: 'last 7 days', input_format: 'JSON', input_config: { data_fields: ['a b', "c'd"] }, validation_rate: 0.2, test_rate: 0, shuffle: true, seed: 3, split: 'label' } as const
const all: Command[] = [
  commands.validateModel(model), commands.registerModel(model), commands.updateModel(3, model), commands.deleteModel(3),
  commands.createConfiguration(configuration), commands.updateConfiguration(2, configuration), commands.deleteConfiguration(2),
  commands.createDeployment(deployment), commands.createDeployment(schedule), commands.createDeployment(following), commands.stopDeployment(1), commands.deleteDeployment(1),
  commands.createStudy(study), commands.stopStudy(1),
  commands.retryResult(1), commands.verifyResult(1), commands.stopResult(1), commands.deleteResult(1), commands.createDatasource(datasource), commands.resendDatasource(1, 2),
  commands.deployInference(inference), commands.scaleInference(1, 0, 5), commands.startInference(1), commands.stopInference(1), commands.deleteInference(1),
]

for (const [i, command] of all.entries()) {
  test(`kafkaml makes the event ${i + 1}, ${command.type}`, () => {
    const line = kafkaml(command, 'http://127.0.0.1:8080').replace(/^kafkaml \S+ \S+/, (verb) => `${verb} --as-curl`)
    const curl = execFileSync('bash', ['-c', line], { encoding: 'utf8', env: { ...process.env, PATH: `${dirname(binary)}:${process.env.PATH}` } })
    expect(curl).toContain(`Ce-Type: ${command.type}'`)
    if (command.subject !== undefined) expect(curl).toContain(`Ce-Subject: ${command.subject}'`)
    // What bash makes of the quoted data is what would be sent.
    const data = execFileSync('bash', ['-c', `curl() { printf %s "\${@: -1}"; }; ${curl}`], { encoding: 'utf8' })
    expect(JSON.parse(data)).toMatchObject(said(command.data as Record<string, unknown>))
  })
}

/** Without what is the default: kafkaml leaves it out. */
function said(data: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(data).filter(([name, value]) => value !== '' && name !== 'framework' && !(name === 'max_replicas' && data.replicas === value)))
}
