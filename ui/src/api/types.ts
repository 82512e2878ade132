// The resources as the functions answer them: shared/pipeline's JSON, member by member.

export interface Tensor {
  name: string
  dtype: string
  shape: number[]
}
export interface Layer {
  name: string
  class: string
  output: string
  parameters: number
  inputs?: string[]
}
export interface Position {
  line: number
  column?: number
  end_line?: number
  end_column?: number
  guess?: boolean
}
export interface Warning {
  line?: number
  message: string
}
export type Task = 'classification' | 'binary-classification' | 'regression' | 'other'

export interface Export {
  inputs: Tensor[]
  outputs: Tensor[]
  labels: Tensor[]
  parameters: number
  trainable_parameters: number
  layers: Layer[]
  loss: string
  optimizer: string
  metrics: string[]
  task: Task
  classes?: number
  weighted: boolean
  warnings?: Warning[]
  printed?: string
}
export interface Model extends Export {
  id: number
  name: string
  description: string
  imports: string
  source: string
  framework: string
  version: number
  source_hash: string
  created: string
  updated: string
  used_by: number[] | null
}
export interface Configuration {
  id: number
  name: string
  description: string
  models: number[]
  created: string
  updated: string
  used_by: number[] | null
}

export type ResultStatus = 'waiting' | 'scheduled' | 'running' | 'finished' | 'failed' | 'stopped'
export type DeploymentStatus = 'waiting' | 'training' | 'finished' | 'failed' | 'stopped'
export type InferenceStatus = 'deploying' | 'running' | 'failed' | 'stopped'

export interface TrainingKwargs {
  epochs: number
  steps_per_epoch?: number
  initial_epoch?: number
  shuffle: boolean
  verbose: number
  validation_freq?: number
  class_weight?: Record<string, number>
}
export interface Rejection {
  field?: string
  reason: string
  hint?: string
}
export interface Deployment {
  id: number
  configuration: number
  batch_size: number
  training_kwargs: TrainingKwargs
  validation_kwargs: { steps?: number; verbose: number }
  seed: number
  engine: string
  gpus: number
  description?: string
  status: DeploymentStatus
  results: number[] | null
  last_rejection?: Rejection
  created: string
  updated: string
}

/** A metric's value; what JSON cannot write comes as text: "NaN", "Infinity". */
export type Value = number | string | null
export type Metrics = Record<string, Value>
export interface Epoch {
  epoch: number
  training: Metrics
  validation?: Metrics
  seconds: number
}
export interface SplitCount {
  records: number
  labels?: Record<string, number>
}
export interface Range {
  topic: string
  partition: number
  offset: number
  length: number
}
export interface Result {
  id: number
  deployment: number
  configuration: number
  model: number
  model_name: string
  model_version: number
  datasource?: number
  status: ResultStatus
  status_changed: string
  reason?: string
  hint?: string
  attempt: number
  engine?: string
  engine_reason?: string
  epochs_done: number
  epochs_total: number
  metrics: { training?: Metrics; validation?: Metrics; test?: Metrics }
  split?: { training: SplitCount; validation: SplitCount; test: SplitCount; warnings?: string[] }
  confusion?: { split: string; labels: string[]; counts: number[][] }
  lineage: {
    source_hash: string
    model_version: number
    ranges?: Range[]
    content_hash?: string
    records?: number
    bytes_read?: number
    seed: number
    weights_hash?: string
    libraries?: Record<string, string>
  }
  artifact?: string
  seconds?: number
  created: string
  started?: string
  finished?: string
}
export interface Datasource {
  id: number
  deployment: number
  ranges: Range[] | null
  input_format: string
  input_config: Record<string, unknown> | null
  validation_rate: number
  test_rate: number
  total_msg: number
  description: string
  shuffle: boolean
  seed: number
  extra?: Record<string, unknown>
  resend_of?: number
  origin: { topic?: string; partition: number; offset: number; bytes: number }
  received: string
  retention: { state: 'available' | 'partly-expired' | 'expired' | 'unknown'; until?: string; reason?: string }
  rejected?: Rejection
}
export interface Inference {
  id: number
  name: string
  result: number
  replicas: number
  max_replicas: number
  delivery: 'source' | 'direct'
  input_format: string
  input_config: Record<string, unknown> | null
  input_topic: string
  output_topic: string
  dead_letter_topic: string
  partitions?: number
  url?: string
  ready: number
  wanted: number
  status: InferenceStatus
  status_changed: string
  reason?: string
  created: string
  updated: string
}
export interface Page<T> {
  items: T[]
  next?: string
}
/** The first records of a datasource, decoded; what JSON cannot write is null. */
export interface Preview {
  inputs: Tensor[]
  labels: Tensor[]
  items: { offset: number; partition: number; sample: (number | null)[][]; label: (number | null)[][]; error?: string }[]
  counts?: Record<string, number>
  counted: number
}
