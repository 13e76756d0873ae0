/** The page's style. */
export const style = `
:root {
  --back: #fff; --pane: #f6f7f9; --text: #1b1f24; --quiet: #59626c; --line: #cfd5db;
  --accent: #0b5cad; --on-accent: #fff; --own: #dcebfa; --good: #1a7f37; --wait: #9a6700; --bad: #c0292f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #14171a; --pane: #1c2024; --text: #e4e7ea; --quiet: #9da7b1; --line: #3a4149;
    --accent: #74b4f3; --on-accent: #10151a; --own: #1d3a57; --good: #4cc46a; --wait: #d9a520; --bad: #ff7b72;
  }
}
* { box-sizing: border-box; margin: 0 }
body { background: var(--back); color: var(--text); font: 1rem/1.5 system-ui, sans-serif }
main { max-width: 56rem; margin: auto; padding: 2.5rem 1.25rem 3rem }
h1 { font-size: 1.75rem; line-height: 1.2 }
h2 { font-size: 1.125rem; margin: 2.25rem 0 .5rem }
h3 { font-size: 1rem }
p { max-width: 42rem }
.lead { margin-top: .5rem; font-size: 1.125rem }
a { color: var(--accent) }
code { font: .875em ui-monospace, monospace; overflow-wrap: anywhere }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
.panes { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(17rem, 100%), 1fr)); gap: 1rem; margin-top: 1rem }
article { display: flex; flex-direction: column; min-width: 0; border: 1px solid var(--line); border-radius: .5rem; background: var(--pane) }
header { display: flex; align-items: baseline; gap: .5rem; padding: .5rem .75rem; border-bottom: 1px solid var(--line) }
header button { margin-left: auto }
[role=status] { color: var(--quiet); font-size: .875rem }
[role=status]::before { content: ''; display: inline-block; width: .5rem; height: .5rem; margin-right: .375rem; border-radius: 50%; background: var(--wait) }
[data-state=open] [role=status]::before { background: var(--good) }
[data-state=closed] [role=status]::before { background: var(--bad) }
[role=log] { height: 11rem; overflow-y: auto; padding: .75rem; display: flex; flex-direction: column; gap: .375rem }
[role=log] p { align-self: flex-start; max-width: 90%; padding: .25rem .625rem; border-radius: .5rem; background: var(--back); overflow-wrap: anywhere }
[role=log] .own { align-self: flex-end; background: var(--own) }
form { padding: .5rem .75rem .75rem; border-top: 1px solid var(--line) }
form div { display: flex; gap: .5rem }
label { display: block; margin-bottom: .25rem; font-size: .875rem; color: var(--quiet) }
input, button { font: inherit; min-height: 2.5rem; padding: 0 .75rem; border: 1px solid var(--quiet); border-radius: .375rem; background: var(--back); color: inherit }
input { flex: 1; min-width: 0 }
form button { background: var(--accent); border-color: var(--accent); color: var(--on-accent) }
header button { min-height: 2rem; font-size: .875rem }
button { cursor: pointer }
dt { margin-top: 1rem; font-weight: 600 }
#room { white-space: nowrap }
.urls { display: flex; flex-wrap: wrap; gap: 0 1.25rem; color: var(--quiet) }
`
