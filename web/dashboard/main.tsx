import 'uplot/dist/uPlot.min.css'
import './style.css'
import { render } from 'preact'
import { App } from './app.js'
import { follow } from './feed.js'

const root = document.getElementById('app')
if (root) {
  root.replaceChildren()
  render(<App />, root)
  follow()
}
