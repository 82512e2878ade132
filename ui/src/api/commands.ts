// The commands that the page sends, one function each: what is sent is also
// what "as command" shows.
import type { Command } from './client'
import type { Step } from './config'
export type { ConfigurationForm, ConversionForm, DatasourceForm, DeploymentForm, InferenceForm, ModelForm, ResultForm, StudyForm } from './generated'
import type { ConfigurationForm, ConversionForm, DatasourceForm, DeploymentForm, InferenceForm, ModelForm, ResultForm, StudyForm } from './generated'

const command = (step: Step, verb: string, data: unknown, subject?: number): Command => ({
  step,
  type: `io.kafkaml.${verb}.v1`,
  data,
  ...(subject === undefined ? {} : { subject }),
})

export const validateModel = (f: Pick<ModelForm, 'imports' | 'source' | 'label_type' | 'label_reshape'>) => command('model-register', 'model.validate', f)
export const registerModel = (f: ModelForm) => command('model-register', 'model.register', f)
export const updateModel = (id: number, f: ModelForm) => command('model-register', 'model.update', f, id)
export const deleteModel = (id: number) => command('model-register', 'model.delete', {}, id)

export const createConfiguration = (f: ConfigurationForm) => command('model-register', 'configuration.create', f)
export const updateConfiguration = (id: number, f: ConfigurationForm) => command('model-register', 'configuration.update', f, id)
export const deleteConfiguration = (id: number) => command('model-register', 'configuration.delete', {}, id)

export const createDeployment = (f: DeploymentForm) => command('deploy-training', 'deployment.create', f)
export const stopDeployment = (id: number) => command('deploy-training', 'deployment.stop', {}, id)
export const deleteDeployment = (id: number) => command('deploy-training', 'deployment.delete', {}, id)

export const createStudy = (f: StudyForm) => command('deploy-training', 'study.create', f)
export const stopStudy = (id: number) => command('deploy-training', 'study.stop', {}, id)

export const retryResult = (id: number) => command('deploy-training', 'result.retry', {}, id)
/** Trains a finished result again and compares; nothing of it is changed. */
export const verifyResult = (id: number) => command('deploy-training', 'result.verify', {}, id)
export const stopResult = (id: number) => command('deploy-training', 'result.stop', {}, id)
/** Made by the worker of model-register. */
export const convertResult = (id: number, f: ConversionForm) => command('model-register', 'result.convert', f, id)
export const aliasResult = (id: number, alias: string) => command('deploy-training', 'result.alias', { alias }, id)
export const unaliasResult = (id: number, alias: string) => command('deploy-training', 'result.unalias', { alias }, id)
export const updateResult = (id: number, f: ResultForm) => command('deploy-training', 'result.update', f, id)
export const deleteResult = (id: number) => command('deploy-training', 'result.delete', {}, id)

export const createDatasource = (f: DatasourceForm) => command('control-log', 'datasource.create', f)
export const resendDatasource = (id: number, deployment: number) => command('control-log', 'datasource.resend', { deployment }, id)

export const deployInference = (f: InferenceForm) => command('deploy-inference', 'inference.deploy', f)
export const scaleInference = (id: number, replicas: number, max_replicas: number) =>
  command('deploy-inference', 'inference.update', { replicas, max_replicas }, id)
export const serveResult = (id: number, by: { result: number } | { follows: string }) => command('deploy-inference', 'inference.update', by, id)
/** No shares: the result predicts all. */
export const shareInference = (id: number, shares: { result: number; percent: number }[]) => command('deploy-inference', 'inference.update', { shares }, id)
export const rollBackInference = (id: number) => command('deploy-inference', 'inference.rollback', {}, id)
export const startInference = (id: number) => command('deploy-inference', 'inference.start', {}, id)
export const stopInference = (id: number) => command('deploy-inference', 'inference.stop', {}, id)
/** values: the numbers of one record, or of each input by its name. */
export const makePrediction = (inference: string, values: unknown): Command => ({ ...command('deploy-inference', 'prediction.make', { values }), inference })
export const deleteInference = (id: number) => command('deploy-inference', 'inference.delete', {}, id)
