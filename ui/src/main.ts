import { mount } from 'svelte'
import { loadConfig } from './api/config'
import App from './App.svelte'
import { broker } from './state/broker.svelte'
import { downloadAs, login } from './state/login.svelte'
import { pipeline } from './state/pipeline.svelte'
import './style.css'

const target = document.getElementById('app')
if (!target) throw new Error('index.html has no #app')

loadConfig()
  .catch((error: unknown) => {
    pipeline.trouble = error instanceof Error ? error.message : String(error)
  })
  .then(() => login.start())
  .finally(() => {
    document.addEventListener('click', downloadAs)
    document.documentElement.dataset.role = login.me?.role ?? 'operator'
    if (!login.needed) {
      pipeline.start()
      broker.watch()
    }
    mount(App, { target })
  })
