// Written by: go test ./ui -run TestTypesOfThePage -update
// from the structs of shared/pipeline and client.Config, and the frameworks that
// are registered: change those.

export interface Adapt {
  /** of quantiles */
  bins?: number
  class: string
  /** of moments: means and variances */
  columns?: number
  /** of words: each has a weight by how many records it is in */
  documents?: boolean
  /** of words: those that are never kept */
  dropped?: string[]
  /** of quantiles: precision */
  epsilon?: number
  /** of quantiles: the output is as wide as there are bins */
  exactly?: boolean
  /** index of the input that enters it as it is; -1 where the graph computes what enters it */
  input: number
  /** of words: they are whole numbers */
  integers?: boolean
  kind: AdaptKind
  layer: string
  /** 0, or one more than the highest of the layers to be adapted that it reads */
  level: number
  /** of words: how many it keeps; 0: all */
  most?: number
  /** of words: index of the most frequent one */
  start?: number
}
export type AdaptKind = 'moments' | 'quantiles' | 'words'
export interface Adapted {
  bins?: number
  /** the first 20 */
  boundaries?: number[]
  class: string
  /** how many means and variances there are */
  columns?: number
  /** the most frequent ones, the first 10 */
  frequent?: string[]
  /** words of the validation split, each as often as it is there */
  held?: number
  kind: AdaptKind
  layer: string
  /** by column, the first 20 */
  mean?: number[]
  /** different words in the training split */
  met?: number
  /** what to know of it */
  note?: string
  /** how often the rarest of those kept is there */
  rarest?: number
  /** of the training split */
  records: number
  /** what it has learned, in a sentence */
  said: string
  /** those of them that are not kept */
  unknown?: number
  /** by column, the first 20 */
  variance?: number[]
  /** kept */
  words?: number
}
export interface Adoption {
  /** the result that it went on from until then */
  before: number
  /** the point of the curve that it lies in */
  epoch: number
  /** 1 for the first of the training */
  number: number
  /** trained on by then */
  records: number
  /** the result that it goes on from */
  result: number
}
export interface Asked {
  /** from this time on; from the first record that was kept where absent */
  since?: string
  /** topics, each whole or one partition of it (topic:partition) */
  topic: string
  /** before this time; to the end as it was then where absent */
  until?: string
}
export interface BadRecord {
  offset: number
  partition: number
  reason: string
  topic: string
}
export interface Batch {
  inputs: Packed[]
  /** none where the model trains without, or no label is known yet */
  labels: Packed[]
  /** where each of them lies */
  records: Place[]
}
export interface Best {
  parameters: Record<string, unknown>
  result: number
  trial: number
  value: number
}
export type Change = 'up' | 'down'
export interface Checkpoint {
  every_epochs?: number
  every_seconds?: number
}
export interface Column {
  /** records in which it is infinite */
  infinite?: number
  maximum: number
  mean: number
  minimum: number
  /** records in which it is missing, or NaN */
  missing?: number
  name: string
}
export interface Config {
  /** Kafka's addresses, each host:port */
  brokers?: string[]
  /** where the functions run in Kubernetes */
  cluster?: ConfigCluster
  control_topic?: string
  /** where each function is, by name */
  functions: Record<string, string> | null
  /** answers 503 with the reason while the broker that runs beside the functions is down; only where one does */
  health?: string
  /** below it lies each predict function under its name, or with the name of its Service in place of a star */
  predict?: string
  /** what begins its consumer groups, where several installations share Kafka */
  tenant?: string
}
export interface ConfigCluster {
  namespace: string
  /** the page's address within the cluster */
  server: string
}
export interface Configuration {
  created: string
  /** note for people */
  description: string
  id: number
  /** models that train on one stream */
  models: number[]
  /** name, unique */
  name: string
  updated: string
  /** deployments of it */
  used_by: number[] | null
}
export interface ConfigurationForm {
  /** note for people */
  description?: string
  /** models that train on one stream */
  models: number[]
  /** name, unique */
  name: string
}
export interface Confusion {
  counts: number[][]
  labels: string[]
  split: string
}
export interface ConversionForm {
  /** what to convert to */
  format: 'tflite' | 'tflite-c'
  /** numbers of the weights (default: as trained) */
  quantize?: 'float16' | 'int8' | ''
  /** records of the result's stream that int8 takes the ranges of values from (default: 100) */
  samples?: number
}
export interface Datasource {
  /** what the ranges were looked up by, where the message named topics by time */
  asked?: Asked
  deployment: number
  description: string
  /** members of the control message that the contract does not know */
  extra?: Record<string, unknown>
  id: number
  input_config: Record<string, unknown> | null
  input_format: Format
  /** the ranges have no end: a training that follows a stream goes on beyond them, any other ends where they did when the stream was announced */
  open?: boolean
  /** how several partitions are read; by time of their records when absent */
  order?: Order
  origin: Origin
  ranges: Range[] | null
  received: string
  rejected?: Rejection
  /** the datasource that was used again */
  resend_of?: number
  retention: Retention
  /** a window of the log that the schedule of the deployment took: no control message named it */
  scheduled?: boolean
  seed: number
  shuffle: boolean
  /** which records are kept back from training: random, or label for a share of each class; the last ones when absent */
  split?: SplitBy
  test_rate: number
  /** Kafka's ids of the topics when the stream was announced: one that was made anew has another */
  topic_ids?: Record<string, string>
  total_msg: number
  /** records without labels, for deployments that are unsupervised */
  unsupervised?: Unlabelled
  /** why no training began on it, where none did */
  unused?: Rejection
  validation_rate: number
}
export interface DatasourceForm {
  /** deployment that is to train */
  deployment: number
  /** note for people */
  description?: string
  /** how the records are read: a JSON object */
  input_config?: Record<string, unknown> | null
  /** RAW, AVRO, JSON or PROTOBUF */
  input_format: 'RAW' | 'AVRO' | 'JSON' | 'PROTOBUF' | 'TELEGRAF_STR_JSON'
  /** how several partitions are read: time (merged by the records' times) or partition (default: time) */
  order?: 'time' | 'partition'
  /** seed of shuffling and of a split that is random (default: 0) */
  seed?: number
  /** shuffle the records once before the split */
  shuffle?: boolean
  /** take records from this time on: RFC 3339, milliseconds since 1970, or how long ago (7d, 12h, last 30 minutes) (default: all that are kept) */
  since?: string
  /** which records are kept back: time (the last), random, or label (at random, of each class its share) (default: time) */
  split?: 'time' | 'random' | 'label'
  /** share of the records to test on, from 0 to 1 */
  test_rate?: number
  /** topics that hold the records, separated by commas: each whole (orders), one partition (orders:0), or a range (orders:0:100:5000, offset and length) */
  topic: string
  /** topics of records without labels, as topic names them, for a deployment that is unsupervised */
  unsupervised_topic?: string
  /** take records before this time (default: now) */
  until?: string
  /** share of the records to validate on, from 0 to 1 */
  validation_rate?: number
}
export interface Decision {
  /** MODEL@ALIAS */
  alias: string
  at: string
  /** the result that was trained */
  challenger: number
  /** the result that had the alias; absent: none had */
  champion?: number
  /** whose test split is the hold-out */
  datasource: number
  /** the champion's, on the same records */
  held?: number
  /** by how much more the challenger was to be better */
  margin?: number
  metric: string
  /** the challenger has the alias now */
  promoted: boolean
  /** why, as a sentence */
  reason: string
  /** of the hold-out */
  records: number
  /** the challenger's metric on the hold-out */
  value?: number
}
export interface Decoded {
  /** a text, or an array of more than 200,000 numbers, is shown cut, or a text is not UTF-8 and shown with U+FFFD for each such byte */
  changed?: boolean
  /** why it cannot be decoded */
  error?: string
  /** of each label */
  label: Values[]
  offset: number
  partition: number
  /** of each input, the values one after the other */
  sample: Values[]
}
export type Delivery = 'source' | 'direct'
export interface Deployment {
  /** what its better results get */
  alias?: string
  /** records a step */
  batch_size: number
  /** the way in which it improves */
  change?: Change
  /** the least probability of a class that makes it a label */
  confidence?: number
  /** configuration whose models train */
  configuration: number
  created: string
  /** note for people */
  description?: string
  /** what looks for drifts of the stream; empty: nothing */
  drift?: Detector
  /** times the learning rate that a drift raises it to */
  drift_rate?: number
  /** records for which it is raised */
  drift_records?: number
  /** auto (the faster one, measured), graph or xla; the first pass over the records runs in the graph, which checks them */
  engine: string
  /** records or time after which it trains again by itself; empty: it does not */
  every?: string
  /** alias whose result a training of mode stream goes on from, also when it moves */
  follows?: string
  /** layers that do not train, by name or pattern */
  freeze?: string[]
  /** the result that its trainings go on from, in mode rounds those of its first stream */
  from?: number
  /** GPUs for each training */
  gpus: number
  id: number
  /** by how much; 0: by anything */
  improvement?: number
  /** how mode stream was asked for by clients of Kafka-ML */
  incremental?: boolean
  /** of incremental: it ends by a command only */
  indefinite?: boolean
  /** how many results that were not better are kept; 0: 20 */
  keep_losing?: number
  /** why the last stream that named it was refused or trained nothing, where that was so */
  last_rejection?: StreamRejection
  /** by how much more they must be better */
  margin?: number
  /** by which they are compared; empty: accuracy, or loss */
  metric?: string
  /** rounds or stream; empty: once */
  mode?: Mode
  /** metric whose improvement gives a result while a training of mode stream goes on */
  monitor?: string
  /** how monitor was given by clients of Kafka-ML */
  monitoring_metric?: string
  /** restart: a drift leads the training back; rate: it raises the learning rate; empty: it is told */
  on_drift?: OnDrift
  /** the deployment of mode stream whose drifts let it train again; 0: none */
  on_drift_of?: number
  /** keep: a training whose loss becomes NaN goes on; empty: it fails */
  on_nan?: OnNaN
  /** who made it, where that is known: where trainings wait, people take turns */
  owner?: string
  /** where trainings wait for others to end: the place in the queue of the first of its own, 1 comes next */
  place?: number
  /** where a training runs in a cluster */
  resources: Resources
  /** minutes after which it does */
  result_minutes?: number
  /** records after which a training of mode stream gives a result, and goes on */
  result_records?: number
  /** its results, one for each model */
  results: number[] | null
  /** where its schedule stands, and what was decided of its results */
  retraining?: Retraining
  /** seed of the shuffling */
  seed: number
  status: DeploymentStatus
  /** milliseconds without a record after which a training of mode stream ends; 0: never */
  stream_timeout?: number
  /** the study whose trials its results are */
  study?: number
  /** arguments of Keras' fit, as text like 'epochs=5, steps_per_epoch=1000' or as a JSON object */
  training_kwargs: TrainingKwargs
  /** it trains on by labels of its own, of the records without one that a stream names */
  unsupervised?: boolean
  /** how often, at most */
  unsupervised_rounds?: number
  updated: string
  /** arguments of Keras' evaluate, as text like 'steps=100' or as a JSON object */
  validation_kwargs: ValidationKwargs
  /** what may not be meant of its members */
  warnings?: string[]
  /** records or time that it then trains on; empty: as many records as the last stream that was sent to it */
  window?: string
}
export interface DeploymentForm {
  /** alias that a finished result gets if it is better than the one that has it, on the test split of the stream; MODEL@ALIAS may be given, too */
  alias?: string
  /** records a step */
  batch_size: number
  /** of monitor: up where a high value is better, down where a low one is (default: as the metric's name tells) */
  change?: 'up' | 'down'
  /** of unsupervised: the least probability of the class that a record is labelled with, above 0 (default: 0.9) */
  confidence?: number
  /** configuration whose models train */
  configuration: number
  /** note for people */
  description?: string
  /** of mode stream: what looks for drifts of the stream: adwin or page_hinkley, by the loss of each batch, or ddm, by its rate of errors (default: nothing) */
  drift?: 'adwin' | 'page_hinkley' | 'ddm'
  /** of on_drift rate: times the learning rate, above 1 (default: 10) */
  drift_rate?: number
  /** of on_drift rate: for so many records after the drift (default: 1000) */
  drift_records?: number
  /** auto (the faster one, measured), graph or xla; the first pass over the records runs in the graph, which checks them (default: auto) */
  engine?: string
  /** train again by itself, on the same topics: each time that so many records have come (10000records), or so long after the last time (24h) */
  every?: string
  /** of mode stream, in place of from: MODEL@ALIAS whose result the training goes on from, and from its next one whenever the alias moves */
  follows?: string
  /** of from: layers that do not train, as Keras' trainable=False: names, or patterns with * and ?; those within a layer as outer/inner (default: those that the source freezes) */
  freeze?: string[]
  /** finished result that the training goes on from, with its weights and the state of its optimizer (default: the model's initial weights) */
  from?: number
  /** GPUs for each training (default: 0) */
  gpus?: number
  /** of monitor: by how much it has to improve over the value of the last such result, or the first value (default: by anything) */
  improvement?: number
  /** mode stream, as Kafka-ML says it */
  incremental?: boolean
  /** of incremental: it ends by a command only */
  indefinite?: boolean
  /** of alias: how many results of trainings that it began by itself and that were not better are kept, the newest; older ones are deleted, but for those that are in use, tagged or noted (default: 20) */
  keep_losing?: number
  /** of alias: by how much more it must be better (default: 0) */
  margin?: number
  /** of alias: what is compared (default: accuracy, or loss where the model has none) */
  metric?: string
  /** once (each stream trains anew), rounds (each stream trains on from the result of the one before) or stream (a training follows the topic: each record is predicted, then learned from) (default: once) */
  mode?: 'once' | 'rounds' | 'stream'
  /** of mode stream: a result appears, and the training goes on, where this metric of a point of the curve has improved (default: none) */
  monitor?: string
  /** monitor, as Kafka-ML says it */
  monitoring_metric?: string
  /** of drift: event (it is told), restart (the training goes back to the last result that it gave before what drifted began, or else to where it began, too) or rate (the learning rate is higher for a while, too) (default: event) */
  on_drift?: 'event' | 'restart' | 'rate'
  /** train again by itself when the deployment of mode stream finds a drift */
  on_drift_of?: number
  /** a training whose loss becomes NaN: fail, or keep to go on and keep its model (default: fail) */
  on_nan?: 'fail' | 'keep'
  /** where a training runs in a cluster */
  resources?: { cpu?: string; deadline_seconds?: number; memory?: string; node_selector?: Record<string, string>; priority_class?: string; tolerations?: unknown[] | null }
  /** of mode stream: a result appears every so many minutes in which records came (default: none) */
  result_minutes?: number
  /** of mode stream: a result appears every N records (default: none) */
  result_records?: number
  /** seed of the shuffling (default: 0) */
  seed?: number
  /** of mode stream: end after so long without a record (default: never, but a minute where incremental is set and indefinite is not) */
  stream_timeout?: number
  /** arguments of Keras' fit, as text like 'epochs=5, steps_per_epoch=1000' or as a JSON object */
  training_kwargs?: string | Record<string, unknown>
  /** train on without labels, too: the model labels the records of the stream's unsupervised_topic that it is sure of */
  unsupervised?: boolean
  /** of unsupervised: how often it labels records and trains on, at most (default: 5) */
  unsupervised_rounds?: number
  /** arguments of Keras' evaluate, as text like 'steps=100' or as a JSON object */
  validation_kwargs?: string | Record<string, unknown>
  /** what it then trains on: the last records (50000records), or those of the last time (7d) (default: as many records as the last stream that was sent to it) */
  window?: string
}
export type DeploymentStatus = 'waiting' | 'training' | 'finished' | 'failed' | 'stopped'
export type Detector = 'adwin' | 'page_hinkley' | 'ddm'
export interface Drift {
  /** the point of the curve that it lies in */
  epoch: number
  /** of restarted: the number of the last result that the training gave before what drifted began; absent: it gave none, and began anew with the weights that it had begun with */
  interim?: number
  /** the learning rate was raised for a while */
  raised?: boolean
  /** trained on when it was found */
  records: number
  /** the training went back to the weights of the result that interim names */
  restarted?: boolean
}
export interface EarlyStopping {
  baseline?: null | number
  min_delta?: number
  mode: string
  monitor: string
  patience?: number
  restore_best_weights?: boolean
  start_from_epoch?: number
}
export interface Epoch {
  /** the best so far, by what early_stopping monitors */
  best?: boolean
  epoch: number
  learning_rate?: number
  /** trained on by then, of a training that follows a stream */
  records?: number
  seconds: number
  training: Metrics
  validation?: Metrics
}
export interface Export {
  /** layers that the training adapts, in the order in which the model calls them */
  adapt?: Adapt[]
  /** classes of a classifier */
  classes?: number
  /** what the source asks hp for, as a study searches it; the model that is registered has the defaults */
  hyperparameters?: Parameter[]
  inputs: Tensor[]
  /** the loss is of one's own and takes the labels; whether others are meant only the author knows */
  label_guessed?: boolean
  labels: Tensor[]
  layers: Layer[]
  libraries: Libraries
  /** the output is not yet a probability */
  logits?: boolean
  loss: string
  /** names as Keras reports them, loss first */
  metrics: string[]
  /** metrics of an epoch, and whether min or max is better; empty: it is not known */
  monitors?: Record<string, string>
  /** why the model has no ONNX form, so that TensorFlow serves it */
  no_onnx?: string
  /** floating-point operations of one record forward, estimated by the layers' kernels */
  operations?: number
  optimizer: string
  outputs: Tensor[]
  parameters: number
  /** what the source printed, its beginning */
  printed?: string
  task: Task
  trainable_parameters: number
  /** it trains by a step of its own and has none to evaluate: it takes no validation and no test split */
  untested?: boolean
  /** why an imported model serves only; absent: it can be trained */
  untrainable?: string
  /** what each variable is: w a weight, r a learning rate, o another */
  variables?: string
  warnings?: Warning[]
  /** class_weight can be used */
  weighted: boolean
}
export interface Field {
  /** how often each value comes, where they are few */
  counts?: Record<string, number>
  /** different values, counted up to 100 */
  distinct: number
  examples: unknown[]
  holds: 'number' | 'boolean' | 'text' | 'numbers' | 'texts' | 'bytes' | 'nothing' | 'mixed'
  least?: null | number
  /** of its lists, the shortest and the longest */
  length?: null | number[]
  /** records that do not have it, or have null there */
  missing: number
  most?: null | number
  /** all of its texts are numbers, which parse reads */
  parses?: boolean
  /** empty for the whole value */
  path: string
  /** what it may be to a model, by its name and values */
  role: 'input' | 'text' | 'label' | 'time' | 'id' | 'none'
  /** records that have it, with a value */
  seen: number
  /** all of its numbers are whole */
  whole?: boolean
}
export type Format = 'RAW' | 'AVRO' | 'JSON' | 'PROTOBUF' | 'TELEGRAF_STR_JSON'
export interface FormatTensor {
  dtype: string
  name: string
  /** value = scale * (number - zero_point); absent where numbers are values */
  scale?: number
  /** with the batch, -1 where a size is open */
  shape: number[]
  zero_point?: number
}
export interface Half {
  /** why the first one that is of a kind, and not to be read, cannot be read */
  fault?: string
  /** of the records that can be read */
  fields: Field[]
  /** what most of them are */
  kind: 'JSON' | 'AVRO' | 'PROTOBUF' | 'framed' | 'TELEGRAF_STR_JSON' | 'text' | 'binary' | 'none'
  /** how many are of each kind */
  of: Record<string, number>
  /** ids of the registry's schemas that wrote them */
  schemas?: number[]
  /** bytes of the smallest and of the largest that is there */
  sizes: number[] | null
}
export interface Imported {
  bytes: number
  /** its name */
  file: string
  /** onnx, keras or savedmodel */
  format: string
  sha256: string
}
export interface Inference {
  created: string
  /** topic of records that cannot be predicted */
  dead_letter_topic: string
  /** source (Knative scales it) or direct (replicas read the topic themselves) */
  delivery: Delivery
  /** note for people */
  description?: string
  /** what was asked to serve it; absent: left to the result */
  engine?: string
  /** alias whose result it serves */
  follows?: string
  id: number
  /** members of the format, such as data_type */
  input_config: Record<string, unknown> | null
  /** RAW, AVRO, JSON, PROTOBUF or TELEGRAF_STR_JSON */
  input_format: Format
  /** topic of records to predict */
  input_topic: string
  /** most replicas that records may start */
  max_replicas: number
  /** name of its predict function, unique */
  name: string
  /** topic of predictions */
  output_topic: string
  /** partitions of the input topic, when last looked at */
  partitions?: number
  /** the result that it served before, which rollback serves again */
  previous?: number
  /** replicas that take records */
  ready: number
  /** why it failed */
  reason?: string
  /** replicas that always run */
  replicas: number
  /** finished result to serve */
  result: number
  /** what serves it: onnx or tensorflow */
  served_by?: string
  /** what part of the records each of two results predicts, the one that is served first */
  shares?: Part[]
  status: InferenceStatus
  status_changed: string
  /** whose consumer group it reads by, where several installations share Kafka */
  tenant?: string
  /** why it does not serve the result that its alias names now */
  unfit?: string
  updated: string
  /** where its predict function answers */
  url?: string
  /** replicas that there should be now */
  wanted: number
  /** what is wrong with the result that it serves, and which members of its input_config have no effect */
  warnings?: string[]
}
export interface InferenceForm {
  /** topic of records that cannot be predicted (default: <input topic>.dead-letter) */
  dead_letter_topic?: string
  /** source (Knative scales it) or direct (replicas read the topic themselves) (default: source, with windows direct) */
  delivery?: 'source' | 'direct'
  /** note for people */
  description?: string
  /** what serves it: onnx, tensorflow or auto (default: auto, what the training found to be faster) */
  engine?: string
  /** alias to serve the result of, now and whenever it moves, in place of result; empty: result stays */
  follows?: string
  /** members of the format, such as data_type (default: those of the training stream) */
  input_config?: Record<string, unknown> | null
  /** RAW, AVRO, JSON, PROTOBUF or TELEGRAF_STR_JSON (default: that of the training stream) */
  input_format?: 'RAW' | 'AVRO' | 'JSON' | 'PROTOBUF' | 'TELEGRAF_STR_JSON'
  /** topic of records to predict */
  input_topic: string
  /** most replicas that records may start (default: replicas) */
  max_replicas?: number
  /** name of its predict function, unique (default: inference-<id>) */
  name?: string
  /** topic of predictions */
  output_topic: string
  /** replicas that always run (default: 1) */
  replicas?: number
  /** finished result to serve */
  result?: number
  /** what part of the records the result and a challenger of it predict; empty: it predicts all */
  shares?: { percent: number; result: number }[]
}
export type InferenceStatus = 'deploying' | 'running' | 'failed' | 'stopped'
export interface Joined {
  /** records that found none and took what the label's missing says */
  assumed: number
  /** of them, those that found several: the newest counts */
  doubled: number
  /** records of that topic */
  labels: number
  /** records of the stream that found a label */
  matched: number
  topic: string
  /** records that found none and were left out */
  unlabelled: number
}
export interface Layer {
  class: string
  /** names of the layers it reads */
  inputs?: string[]
  name: string
  /** shape as text, the batch as None */
  output: string
  parameters: number
  /** paths below it of the layers that it holds, as outer/inner; absent: none, too many, or an earlier version registered the model */
  within?: string[]
}
export type Libraries = Record<string, string> | null
export interface Lineage {
  /** keys and values, once */
  bytes_read?: number
  /** SHA-256 over every key and value read, in order */
  content_hash?: string
  libraries?: Libraries
  model_version: number
  ranges?: Range[]
  records?: number
  seed: number
  source_hash: string
  /** records without labels, which are read after the others */
  unlabelled_ranges?: Range[]
  /** SHA-256 over the trained variables */
  weights_hash?: string
}
export interface Look {
  /** records vanish from its middle, so that no stream can be announced of it */
  compacted?: boolean
  /** the input_format to announce them in; none where they cannot be used, or nobody can tell */
  format?: Format
  hint?: string
  /** the newest of the records, as they can be read */
  items: Looked[]
  key: Half
  name: string
  /** that it holds: its records, and what transactions leave between them */
  offsets: number
  /** 0 where it cannot be looked up just now */
  partitions: number
  /** how a deployment's model might take them */
  proposal?: Proposal
  /** of the sample */
  records: number
  /** how long records stay: 7 days, for ever, unknown */
  retention: string
  /** what they are, in words */
  says: string
  value: Half
}
export interface Looked {
  /** their names */
  headers?: string[]
  key: unknown
  offset: number
  partition: number
  time: string
  value: unknown
}
export type Metrics = Record<string, number | string | null>
export type Mode = 'once' | 'rounds' | 'stream'
export interface Model {
  /** layers that the training adapts, in the order in which the model calls them */
  adapt?: Adapt[]
  /** key prefix of this version's export */
  artifact: string
  /** classes of a classifier */
  classes?: number
  created: string
  /** note for people */
  description: string
  /** name of the framework of the source */
  framework: string
  /** what the source asks hp for, as a study searches it; the model that is registered has the defaults */
  hyperparameters?: Parameter[]
  id: number
  /** the file that it was imported from, in place of source */
  imported?: Imported
  /** import statements that stand before the source */
  imports: string
  inputs: Tensor[]
  /** the loss is of one's own and takes the labels; whether others are meant only the author knows */
  label_guessed?: boolean
  /** shape of the label, for a loss of your own that takes another than the output's: sizes such as '2' or '3 2', or scalar */
  label_reshape?: string
  /** type of the label, for a loss of your own that takes another than the output's */
  label_type?: string
  labels: Tensor[]
  layers: Layer[]
  libraries: Libraries
  /** the output is not yet a probability */
  logits?: boolean
  loss: string
  /** names as Keras reports them, loss first */
  metrics: string[]
  /** metrics of an epoch, and whether min or max is better; empty: it is not known */
  monitors?: Record<string, string>
  /** name, unique */
  name: string
  /** why the model has no ONNX form, so that TensorFlow serves it */
  no_onnx?: string
  /** floating-point operations of one record forward, estimated by the layers' kernels */
  operations?: number
  optimizer: string
  outputs: Tensor[]
  parameters: number
  /** what the source printed, its beginning */
  printed?: string
  /** Keras code that leaves a compiled model in the variable model */
  source: string
  /** SHA-256 of imports and source, and of the label where it is stated */
  source_hash: string
  task: Task
  trainable_parameters: number
  /** it trains by a step of its own and has none to evaluate: it takes no validation and no test split */
  untested?: boolean
  /** why an imported model serves only; absent: it can be trained */
  untrainable?: string
  updated: string
  /** configurations that hold it */
  used_by: number[] | null
  /** what each variable is: w a weight, r a learning rate, o another */
  variables?: string
  /** 1, then one more with each change of source or imports */
  version: number
  warnings?: Warning[]
  /** class_weight can be used */
  weighted: boolean
}
export interface ModelForm {
  /** note for people */
  description?: string
  /** name of the framework of the source (default: the first that is registered) */
  framework?: string
  /** import statements that stand before the source */
  imports?: string
  /** shape of the label, for a loss of your own that takes another than the output's: sizes such as '2' or '3 2', or scalar (default: found by trying) */
  label_reshape?: string
  /** type of the label, for a loss of your own that takes another than the output's (default: found by trying) */
  label_type?: 'float16' | 'float32' | 'float64' | 'int8' | 'int16' | 'int32' | 'int64' | 'uint8' | 'bool' | ''
  /** name, unique */
  name: string
  /** Keras code that leaves a compiled model in the variable model */
  source: string
}
export interface ModelFormat {
  /** in the order of the file */
  inputs?: FormatTensor[]
  /** of the format: savedmodel, keras, onnx, tflite or tflite-c */
  name: string
  /** what a person should know of it */
  notes?: string[]
  /** in the order of the file */
  outputs?: FormatTensor[]
  /** what the conversion costs */
  quality?: Quality
  /** numbers of the weights: float16 or int8; absent: as trained */
  quantize?: string
  /** records that quantization took the ranges of values from */
  samples?: number
  /** bytes of the file; absent where it is not kept */
  size?: number
  /** why the model does not have it */
  why?: string
}
export type OnDrift = 'event' | 'restart' | 'rate'
export type OnNaN = 'fail' | 'keep'
export type Order = 'partition'
export interface Origin {
  /** key and value of the control record */
  bytes: number
  /** the record's key, in hexadecimal, where it is what names the deployment */
  key?: string
  offset: number
  partition: number
  topic?: string
  /** Kafka's id of the topic, by which one that was made anew is told apart */
  topic_id?: string
}
export interface Packed {
  /** in base64: little-endian, row-major; of text each element as its length in 4 bytes and its UTF-8 */
  data: string
  /** NumPy's name: float32, int64, bool, string ... */
  dtype: string
  name: string
  /** sizes of one record, without the batch; -1 where it is not known yet; empty for a scalar */
  shape: number[]
  /** name in the SavedModel's serving signature, which takes word characters only; empty where it is the name */
  signature?: string
}
export interface Page<T> {
  items: T[]
  /** cursor of the next part */
  next?: string
}
export interface Parameter {
  choices?: unknown[]
  /** of a hyperparameter of a model's source */
  default?: unknown
  high?: number
  kind: 'float' | 'int' | 'choice'
  /** sampled by its logarithm */
  log?: boolean
  low?: number
  /** whose source asks for it, of a study of several: other trials do not have it */
  model?: string
  name: string
  /** between two values; 0: any value of floats, whole numbers of ints */
  step?: number
}
export interface Part {
  percent: number
  result: number
}
export interface Place {
  offset: number
  partition: number
}
export interface Position {
  column?: number
  end_column?: number
  end_line?: number
  /** no line of the source took part in the error: the likely place */
  guess?: boolean
  line: number
}
export interface Preview {
  /** what to know where all of these labels are the same */
  alike?: string
  /** records that counts is about */
  counted: number
  /** of the labels, where they are few whole numbers */
  counts?: Record<string, number>
  inputs: Tensor[]
  /** the first records */
  items: Decoded[]
  labels: Tensor[]
  /** records that where of the input_config leaves out, among those looked at */
  left_out?: number
  /** why none of the records looked at make one */
  no_window?: string
  /** where the input_config has a window: each item is one, or a record at fault; what became of the records looked at */
  windows?: Windows
}
export interface Proposal {
  input_config: Record<string, unknown>
  input_format: Format
  /** the fields for each input of the model */
  inputs: Record<string, string[]>
  /** the field for the label; none where it is the record's key */
  label?: string
  /** what is to be decided, or does not fit */
  notes: string[]
}
export type Pruner = 'none' | 'median' | 'asha'
export interface PseudoLabels {
  /** the least probability of the class that a record was labelled with */
  confidence: number
  /** why no more were labelled */
  ended?: string
  /** records that have no label still */
  left: number
  /** records that where of the input_config left out */
  left_out?: number
  /** without a label, that were read */
  records: number
  rounds: PseudoRound[]
  /** records at fault that on_bad let pass */
  skipped?: Skipped
}
export interface PseudoRound {
  /** of them, how many it gave each class */
  classes?: Record<string, number>
  /** the last one before it */
  epoch: number
  labelled: number
  /** without a label, that it predicted */
  records: number
  /** counted from 1 */
  round: number
}
export interface Quality {
  after: number
  before: number
  /** root mean square of the outputs' differences, relative to that of the outputs */
  difference: number
  /** accuracy or mean_absolute_error; absent for a model that has neither */
  metric?: string
  records: number
  /** test or validation */
  split: string
}
export interface Range {
  length: number
  offset: number
  partition: number
  topic: string
}
export interface ReduceLR {
  cooldown?: number
  factor: number
  min_delta: number
  min_lr?: number
  mode: string
  monitor: string
  patience: number
}
export interface Rejection {
  field?: string
  hint?: string
  reason: string
}
export interface Resources {
  /** Kubernetes quantity of CPU for each training */
  cpu?: string
  /** end a training after so many seconds */
  deadline_seconds?: number
  /** Kubernetes quantity of memory for each training */
  memory?: string
  /** labels of the nodes to train on, where the operator allows them */
  node_selector?: Record<string, string>
  /** Kubernetes priority class, where the operator allows it */
  priority_class?: string
  /** Kubernetes tolerations, as in a pod, where the operator allows them */
  tolerations?: unknown[] | null
}
export interface Result {
  /** where its training went on from another result, as the alias had moved; the last 100 */
  adoptions?: Adoption[]
  /** names that it has among the results of its model */
  aliases?: string[]
  /** key prefix of the trained model */
  artifact?: string
  /** 1 for the first Job; a retry or a restart adds one */
  attempt: number
  /** 0 where the model was imported */
  configuration: number
  confusion?: Confusion
  created: string
  /** the service ended in order while it trained: its next start is no loss */
  cut?: boolean
  /** absent while it waits for one */
  datasource?: number
  /** 0 where the model was imported */
  deployment: number
  /** those that were found in the stream that it follows, the last 100 */
  drifts?: Drift[]
  /** what early_stopping made of it */
  early_stopping?: Stopping
  /** its training, which follows a stream, was told to end: it is finished with what it has learned */
  ending?: boolean
  engine?: string
  /** the figures that chose the engine */
  engine_reason?: string
  epochs_done: number
  epochs_total: number
  finished?: string
  /** alias whose result its training, which follows a stream, goes on from, also when it moves */
  follows?: string
  /** in which its model is kept, can be made, or cannot be had */
  formats?: ModelFormat[]
  /** layers that did not train, by name or pattern; absent: those that its source freezes */
  freeze?: string[]
  hint?: string
  /** values of hp that its model was built with; absent: the defaults of its source */
  hyperparameters?: Record<string, unknown>
  id: number
  /** the file that the model was imported from, which is finished at once */
  imported?: Imported
  /** its number among the results that its parent, which follows a stream, gave while it went on */
  interim?: number
  /** results that it has given while it went on, those included that are deleted again */
  interims?: number
  lineage: Lineage
  /** Jobs that vanished since the last retry */
  lost?: number
  metrics: SplitMetrics
  model: number
  model_name: string
  model_version: number
  /** notes of people */
  notes?: string
  /** a schedule has trained it, and it was not better than the result that has the alias */
  outdone?: boolean
  /** the result whose weights its training went on from */
  parent?: number
  /** what it has labelled itself, of a deployment that is unsupervised */
  pseudo_labels?: PseudoLabels
  /** why it failed or was pruned, or what it waits for */
  reason?: string
  /** of a deployment of rounds: 1 for its first stream */
  round?: number
  /** from the Job's start to its end */
  seconds?: number
  /** about how long it still trains, if nothing stops it early */
  seconds_left?: number
  /** what its model can be served by */
  serving?: Serving
  split?: SplitAudit
  started?: string
  status: ResultStatus
  status_changed: string
  /** the result that its training was last told to go on from; it is its parent once it does */
  successor?: number
  /** tags by name */
  tags?: Tags
  /** W3C trace context that its attempt belongs to */
  traceparent?: string
  /** what vendors have added to it */
  tracestate?: string
  /** what it tries, as a trial of a study */
  trial?: StudyTrial
  /** why its training does not go on from the result that the alias names */
  unfit?: string
  /** what of its model is NaN or infinite, so that its predictions will be, too */
  unsound?: string
  /** what came of training it again from its receipt */
  verification?: Verification
}
export interface ResultForm {
  /** notes for people */
  notes?: string
  /** tags to set; one whose value is empty is taken off */
  tags?: Record<string, string>
}
export type ResultStatus = 'waiting' | 'scheduled' | 'running' | 'finished' | 'failed' | 'stopped' | 'pruned'
export interface Retention {
  reason?: string
  state: RetentionState
  /** about when the first record goes; absent when kept for ever */
  until?: string
}
export type RetentionState = 'available' | 'partly-expired' | 'expired' | 'unknown'
export interface Retraining {
  /** why it cannot train now */
  blocked?: Rejection
  /** who holds the alias, the last 20 that were decided, the newest last */
  decisions: Decision[]
  /** a drift was told since the last training began */
  drifted?: boolean
  /** when the next is due, of a schedule by time */
  due?: string
  /** the deployment was stopped: it trains no more by itself */
  ended?: boolean
  /** where the window of the last training ends: the offset after it, of each partition */
  ends?: Range[]
  /** when it began the last one */
  last?: string
  /** records that have come since those of the last stream, when it was last looked */
  new: number
  /** trainings that the schedule has begun */
  runs: number
  /** the last stream that was sent to it: its topics, format and split are those of each window */
  source?: number
}
export type Sampler = 'tpe' | 'random' | 'grid'
export interface Serving {
  /** serves it unless an inference asks for another: onnx or tensorflow */
  engine: string
  /** those that can serve it */
  engines: string[]
  /** the figures that chose it, or why there is no other */
  reason?: string
}
export interface Skipped {
  /** the first of them, at most 100 */
  first: BadRecord[]
  records: number
}
export interface SplitAudit {
  /** what the layers have learned that the source leaves to be adapted */
  adapted?: Adapted[]
  /** how the records were chosen: random, or label for a share of each class; by time when absent */
  by?: SplitBy
  /** the values of the whole stream: by field where each is one number, else by tensor; of many the ones that are warned of */
  columns?: Column[]
  /** the labels, where they came from another topic */
  joined?: Joined
  /** records that where of the input_config left out */
  left_out?: number
  /** of inputs that several fields fill with arrays: how many values each field brings in every record */
  lengths?: Record<string, Record<string, number>>
  /** what stands for missing values: of each input, the mean of each element over the training split */
  means?: Record<string, number[]>
  /** of that choice */
  seed?: number
  /** records at fault that on_bad let pass */
  skipped?: Skipped
  test: SplitCount
  training: SplitCount
  validation: SplitCount
  warnings?: string[]
  /** how records became windows, where input_config asks for them */
  windows?: Windows
}
export type SplitBy = 'random' | 'label'
export interface SplitCount {
  labels?: Record<string, number>
  records: number
}
export interface SplitMetrics {
  test?: Metrics
  training?: Metrics
  validation?: Metrics
}
export interface Stopping {
  /** the metric in that epoch */
  best?: Metrics
  /** absent: no epoch was looked at */
  best_epoch?: number
  monitor: string
  /** the same as a sentence */
  reason: string
  /** the weights are those of the best epoch */
  restored?: boolean
  /** the epoch that the training was ended after; absent: it ran all of them */
  stopped_epoch?: number
}
export interface StreamRejection {
  datasource: number
  field?: string
  hint?: string
  reason: string
}
export interface Study {
  best?: Best
  /** configuration whose models are tried */
  configuration: number
  created: string
  /** absent while it waits for one */
  datasource?: number
  /** whose results are its trials; a stream that is sent to it begins the study */
  deployment: number
  /** note for people */
  description?: string
  /** min or max */
  direction: string
  ended?: string
  /** that all trials have trained */
  epochs: number
  failed: number
  finished: number
  hint?: string
  id: number
  /** which are tried */
  models: StudyModel[]
  /** metric of an epoch that the trials are compared by, in their last epoch */
  objective: string
  owner?: string
  /** how many of them train at once */
  parallel: number
  /** trials that began */
  proposed: number
  /** trials that were ended early */
  pruned: number
  /** what ends trials early that do worse than others: none, median or asha */
  pruner: Pruner
  /** the stream was read: its tensors are kept for all trials */
  read?: boolean
  /** why it failed */
  reason?: string
  /** Optuna's tpe, random or grid */
  sampler: Sampler
  /** seed of the sampler and of the shuffling */
  seed: number
  /** what is tried: learning_rate, batch_size and epochs, each as float(low,high), log(low,high), int(low,high,step) or [choices]; all that a source asks hp for, or of it what is given here, as in hp.units=int(16,64); and the models of the configuration, or those of model=[NAME,...] */
  space: Parameter[]
  started?: string
  status: StudyStatus
  status_changed: string
  /** how many trials there are */
  trials: number
}
export interface StudyForm {
  /** records a step, where the space does not say (default: 32) */
  batch_size?: number
  /** configuration whose models are tried */
  configuration: number
  /** stream to train on that is there already (default: the next one that is sent to the study's deployment) */
  datasource?: number
  /** note for people */
  description?: string
  /** which values of the objective are better: min, max or auto, by its name (default: auto) */
  direction?: 'auto' | 'min' | 'max' | ''
  /** auto, graph or xla, as of a deployment */
  engine?: string
  /** GPUs for each trial (default: 0) */
  gpus?: number
  /** metric of an epoch that the trials are compared by, in their last epoch */
  objective: string
  /** how many of them train at once (default: 1) */
  parallel?: number
  /** what ends trials early that do worse than others: none, median or asha (default: none) */
  pruner?: 'none' | 'median' | 'asha'
  /** where a trial runs in a cluster */
  resources?: { cpu?: string; deadline_seconds?: number; memory?: string; node_selector?: Record<string, string>; priority_class?: string; tolerations?: unknown[] | null }
  /** Optuna's tpe, random or grid (default: tpe) */
  sampler?: 'tpe' | 'random' | 'grid'
  /** seed of the sampler and of the shuffling (default: 0) */
  seed?: number
  /** what is tried: learning_rate, batch_size and epochs, each as float(low,high), log(low,high), int(low,high,step) or [choices]; all that a source asks hp for, or of it what is given here, as in hp.units=int(16,64); and the models of the configuration, or those of model=[NAME,...] */
  space?: string
  /** arguments of Keras' fit, as of a deployment */
  training_kwargs?: string | Record<string, unknown>
  /** how many trials there are (default: 20) */
  trials?: number
  /** arguments of Keras' evaluate, as of a deployment */
  validation_kwargs?: string | Record<string, unknown>
}
export interface StudyModel {
  id: number
  name: string
  version: number
}
export type StudyStatus = 'waiting' | 'running' | 'finished' | 'failed' | 'stopped'
export interface StudyTrial {
  /** 0 is the first */
  number: number
  parameters: Record<string, unknown>
  study: number
  /** the objective, of a trial that was ended early in its last epoch; absent: none, or it is no number */
  value?: number
}
export type Tags = Record<string, string>
export type Task = 'classification' | 'binary-classification' | 'regression' | 'other'
export interface Tensor {
  /** NumPy's name: float32, int64, bool, string ... */
  dtype: string
  name: string
  /** sizes of one record, without the batch; -1 where it is not known yet; empty for a scalar */
  shape: number[]
  /** name in the SavedModel's serving signature, which takes word characters only; empty where it is the name */
  signature?: string
}
export interface Topic {
  /** records vanish from its middle, so that no stream can be announced of it */
  compacted?: boolean
  name: string
  /** that it holds: its records, and what transactions leave between them */
  offsets: number
  /** 0 where it cannot be looked up just now */
  partitions: number
  /** how long records stay: 7 days, for ever, unknown */
  retention: string
}
export interface Trainee {
  model: number
  name: string
  version: number
}
export interface TrainingKwargs {
  checkpoint?: Checkpoint
  class_weight?: Record<string, number>
  early_stopping?: EarlyStopping
  epochs: number
  initial_epoch?: number
  reduce_lr_on_plateau?: ReduceLR
  shuffle: boolean
  steps_per_epoch?: number
  validation_freq?: number
  verbose: number
}
export interface Trial {
  /** layers that were adapted on these records; a training adapts them on its training split */
  adapted?: string[]
  /** why the model would not train; absent where it would */
  fault?: TrialFault
  /** of the step, loss first among them; none where it failed */
  metrics: Metrics
  model: number
  records: number
  /** that the step took, with what the first one has to prepare */
  seconds: number
  version: number
}
export interface TrialFault {
  /** place in the model's source */
  at?: Position
  /** records with which it fails when they are alone */
  failing: number
  /** imports or source, where the fault has a place in it */
  field?: string
  hint?: string
  reason: string
  /** the first record with which the step fails when it is alone; absent where each alone is well */
  record?: Place
  /** records that were tried alone */
  tried: number
}
export interface Tried {
  /** what to know where all of these labels are the same */
  alike?: string
  /** some of the records as a model takes them: the first of each partition, and those of the smallest and the largest numbers; absent where none was asked for, or one record is too large */
  batch?: Batch
  /** records that counts is about */
  counted: number
  /** of the labels, where they are few whole numbers */
  counts?: Record<string, number>
  /** of them, those that could not be decoded */
  failed: number
  /** a training on them would fail: on_bad of the input_config does not take so many */
  fatal?: boolean
  /** the first of these: its place, and why */
  first?: string
  inputs: Tensor[]
  /** the first records */
  items: Decoded[]
  /** what became of labels that come later, on another topic, among the newest 20,000 of both */
  joined?: Joined
  labels: Tensor[]
  /** records that where of the input_config leaves out, among those looked at */
  left_out?: number
  /** the models of the deployment, each with the version that it trains */
  models: Trainee[]
  /** why none of the records looked at make one */
  no_window?: string
  /** records that were decoded, or could not be */
  tried: number
  /** where the input_config has a window: each item is one, or a record at fault; what became of the records looked at */
  windows?: Windows
}
export interface Unlabelled {
  ranges?: Range[]
  /** why they cannot be used, where they cannot */
  rejected?: Rejection
  /** as the control message names them */
  topic: string
}
export interface ValidationKwargs {
  steps?: number
  verbose: number
}
export type Values = (number | string | null)[]
export interface Verification {
  asked: string
  /** 1 for the first Job that ever verified the result */
  attempt: number
  /** the service ended in order while it ran: its next start is no loss */
  cut?: boolean
  /** the first that differs from the receipt, where it diverged */
  difference?: string
  ended?: string
  /** of the repetition */
  epochs_done?: number
  hint?: string
  /** Jobs that vanished since it was asked for */
  lost?: number
  /** who asked for it, where that is known */
  owner?: string
  /** why the training could not be repeated, where it failed, or what it waits for */
  reason?: string
  /** from the Job's start to its end */
  seconds?: number
  status: VerificationStatus
}
export type VerificationStatus = 'scheduled' | 'running' | 'verified' | 'diverged' | 'failed'
export interface Warning {
  /** imports or source */
  field?: string
  line?: number
  message: string
}
export interface Windows {
  /** records whose time is before that of the record of their key before them */
  backwards: number
  /** keys that were forgotten, as there were more than are kept at once */
  forgotten: number
  /** sequences; a key that was forgotten and came back is two */
  keys: number
  /** records that were taken in */
  records: number
  /** these numbers as a person reads them, without those that are 0 */
  said?: string
  /** records of a window */
  size: number
  /** keys whose records lie in several partitions */
  spread: number
  /** windows that were none, as their records lie further apart than within allows */
  too_long: number
  /** windows that were none, as a record that is to give a label has none */
  unlabelled: number
  /** of them, those of no window: most of keys that have too few */
  unused: number
  windows: number
}
/** The frameworks that models may be of, the default first. */
export const frameworks: { name: string; engines: string[]; formats: { name: string; title: string }[] }[] = [
  {
    "name": "tensorflow",
    "engines": [
      "auto",
      "graph",
      "xla"
    ],
    "formats": [
      {
        "name": "savedmodel",
        "title": "SavedModel"
      },
      {
        "name": "keras",
        "title": ".keras"
      },
      {
        "name": "onnx",
        "title": "ONNX"
      },
      {
        "name": "tflite",
        "title": "TFLite"
      },
      {
        "name": "tflite-c",
        "title": "TFLite for C"
      }
    ]
  },
  {
    "name": "onnx",
    "engines": [],
    "formats": [
      {
        "name": "onnx",
        "title": "ONNX"
      }
    ]
  }
]
