import { mount } from 'svelte'
import { loadConfig } from './api/config'
import App from './App.svelte'
import { broker } from './state/broker.svelte'
import { pipeline } from './state/pipeline.svelte'
import './style.css'

const target = document.getElementById('app')
if (!target) throw new Error('index.html has no #app')

loadConfig()
  .catch((error: unknown) => {
    pipeline.trouble = error instanceof Error ? error.message : String(error)
  })
  .finally(() => {
    pipeline.start()
    broker.watch()
    mount(App, { target })
  })
