// How things refer to each other, from what the page knows.
import type { Deployment, DeploymentStatus, Model, Result } from '../api/types'
import { pipeline } from './pipeline.svelte'

/** The results of a deployment, in the order in which they were made. */
export function resultsOf(deployment: number): Result[] {
  return pipeline.byDeployment.get(deployment) ?? []
}

/** A deployment's state follows from its results, which change by facts of their own. */
export function stateOf(d: Deployment): DeploymentStatus {
  const all = resultsOf(d.id).map((r) => r.status)
  if (all.length === 0) return d.status
  if (all.some((s) => s === 'running' || s === 'scheduled')) return 'training'
  if (all.some((s) => s === 'waiting')) return 'waiting'
  if (all.some((s) => s === 'failed')) return 'failed'
  return all.some((s) => s === 'stopped') ? 'stopped' : 'finished'
}

/** The first model of a deployment: its tensors are what a stream must fit. */
export function modelOf(d: Deployment): Model | undefined {
  const first = pipeline.configurations.get(d.configuration)?.models[0]
  return first === undefined ? undefined : pipeline.models.get(first)
}
