import { signal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'

/** What came of the last thing that was done, for those who see it and those who hear it. */
export const notice = signal('')

interface Question {
  readonly title: string
  readonly text: string
  readonly button: string
  /** What has to be typed first. */
  readonly typed?: string
  readonly action: string
  readonly form: Readonly<Record<string, string>>
}

const question = signal<Question>()

/** Asks before it does something. */
export function ask(about: Question): void {
  question.value = about
}

async function act({ action, form }: Question): Promise<void> {
  notice.value = ''
  try {
    const answer = await fetch(`dashboard/${action}`, { method: 'POST', body: new URLSearchParams(form) })
    if (answer.status === 401) location.reload()
    notice.value = await answer.text()
  } catch {
    notice.value = 'The relay cannot be reached: nothing was done.'
  }
}

/** The question that is open. */
export function Ask() {
  const dialog = useRef<HTMLDialogElement>(null)
  const asked = question.value
  useLayoutEffect(() => {
    if (asked) dialog.current?.showModal()
  }, [asked])
  if (!asked) return null

  const { title, text, button, typed } = asked
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const value = event.currentTarget instanceof HTMLFormElement && new FormData(event.currentTarget).get('confirm')
    dialog.current?.close()
    void act({ ...asked, form: { ...asked.form, ...(typeof value === 'string' && { confirm: value }) } })
  }
  return (
    <dialog
      ref={dialog}
      aria-labelledby="ask"
      onClose={() => {
        // The event comes a moment after the close: the next question may have been asked, or even be open, by then.
        if (question.value === asked && !dialog.current?.open) question.value = undefined
      }}
    >
      <form onSubmit={submit}>
        <h2 id="ask">{title}</h2>
        <p>{text}</p>
        {typed !== undefined && (
          <label>
            Type “{typed}” to go on
            <input name="confirm" autocomplete="off" autocapitalize="off" required pattern={typed} />
          </label>
        )}
        <p class="buttons">
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="submit" class="danger">
            {button}
          </button>
        </p>
      </form>
    </dialog>
  )
}
