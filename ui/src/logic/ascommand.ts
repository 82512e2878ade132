import { eventOf, type Command } from '../api/client'
import type { ConfigCluster } from '../api/generated'

/** One way to send a command from a terminal. */
export interface Terminal {
  name: string
  text: string
}

/** Quotes a word for a POSIX shell where it needs that. */
export function quote(word: string): string {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

/** The command in every way that a terminal takes it. url is the function's, server the page's origin. */
export function terminals(command: Command, url: string, server: string, cluster?: ConfigCluster): Terminal[] {
  const any = [
    { name: 'curl', text: curl(command, url) },
    { name: 'kn func', text: func(command, url) },
  ]
  if (command.inference !== undefined) return any // kafkaml predicts by topics
  const own = [
    { name: 'kafkaml', text: kafkaml(command, server) },
    { name: 'kn', text: kafkaml(command, server, 'kn kafkaml') },
  ]
  return [...any, ...own, ...(cluster ? [{ name: 'kubectl', text: kubectl(command, cluster) }] : [])]
}

/** curl with the CloudEvent in binary mode. */
export function curl(command: Command, url: string): string {
  const event = eventOf(command)
  const header = (name: string, value: string) => `  -H ${quote(`${name}: ${value}`)} \\`
  return [
    `curl ${quote(url)} \\`,
    header('Ce-Specversion', '1.0'),
    header('Ce-Id', event.id),
    header('Ce-Source', event.source),
    header('Ce-Type', event.type),
    ...(event.subject ? [header('Ce-Subject', event.subject)] : []),
    header('Content-Type', 'application/json'),
    `  --data ${quote(JSON.stringify(command.data))}`,
  ].join('\n')
}

/** `kn func invoke` has no flag for the subject: the id goes into the data, which the functions take alike. */
function func(command: Command, url: string): string {
  const data = command.subject === undefined ? command.data : { id: command.subject, ...(command.data as object) }
  return [
    `kn func invoke --target ${quote(url)} --format cloudevent \\`,
    `  --source ${quote(eventOf(command, '').source)} --type ${quote(command.type)} \\`,
    `  --content-type application/json --data ${quote(JSON.stringify(data))}`,
  ].join('\n')
}

const things: Record<string, string> = {
  model: 'models',
  configuration: 'configurations',
  deployment: 'deployments',
  result: 'results',
  study: 'studies',
  datasource: 'datasources',
  inference: 'inferences',
}
const verbs: Record<string, string> = { register: 'create', deploy: 'create', convert: 'download' }

/** The flag that tells kafkaml where the functions are; none where they are by default. */
export function serverFlag(server: string): string {
  return server === 'http://127.0.0.1:8080' ? '' : ` --server ${quote(server)}`
}

/** The line for a pod that always runs and holds the program: nothing is started or pulled for it. */
function kubectl(command: Command, cluster: ConfigCluster): string {
  const kubectl = `kubectl -n ${quote(cluster.namespace)}`
  const pod = `$(${kubectl} get pods -l serving.knative.dev/service=deploy-training -o name | head -n 1)`
  return `${kubectl} exec -i "${pod}" -c user-container -- \\\n  ${kafkaml(command, cluster.server, '/usr/local/bin/kafkaml')}`
}

/** Flags that are not called as the member is. */
const renamed: Record<string, Record<string, string>> = {
  datasource: { input_format: 'format' },
  deployment: { follows: 'from' },
  inference: { follows: 'result' },
}

/** The kafkaml command line; "kn kafkaml" is the same program as a plugin of kn. */
export function kafkaml(command: Command, server: string, program = 'kafkaml'): string {
  const [, , thing = '', verb = ''] = command.type.split('.')
  const line = `${program}${serverFlag(server)} ${things[thing] ?? thing} ${verbs[verb] ?? verb}`
  const data = command.data as Record<string, unknown>
  if (thing === 'inference' && verb === 'update') {
    const { replicas, max_replicas: most } = data
    return `${program}${serverFlag(server)} inferences scale ${command.subject} ${most === replicas || !most ? replicas : `${replicas}-${most}`}`
  }
  const subject = command.subject === undefined ? '' : ` ${command.subject}`
  if (thing === 'model' && Object.keys(data).length > 0) {
    return `${line}${subject} -f - <<'END'\n${JSON.stringify(data, null, 2)}\nEND`
  }
  return line + subject + flags(data, renamed[thing] ?? {})
}

function flags(data: Record<string, unknown>, named: Record<string, string>): string {
  let text = ''
  for (const [name, value] of Object.entries(data)) {
    if (value === '' || value === undefined || value === null || name === 'max_replicas' || name === 'framework') continue
    if (typeof value === 'boolean' && name === 'shuffle') {
      if (value) text += ' \\\n  --shuffle'
      continue
    }
    const word = Array.isArray(value) ? value.join(',') : typeof value === 'object' ? JSON.stringify(value) : String(value)
    text += ` \\\n  --${(named[name] ?? name).replaceAll('_', '-')} ${quote(word)}`
  }
  return text
}
