/** The challenge of a form that is sent too often (base/http/request/challenge.ts): its field, and what the page says. */
import { baseText } from './base-texts.ts'
import { Alert } from './parts.tsx'
import { useUi } from './ui.ts'

/** Without the script the page says how long to wait; with it the browser solves the challenge meanwhile. */
export function ChallengeField({
  challenge,
  difficulty,
  alert,
}: {
  challenge: string
  difficulty: number
  alert: string
}) {
  const { locale } = useUi()
  return (
    <>
      <input type="hidden" name="challenge" data-challenge={challenge} data-difficulty={difficulty} />
      <div id="challenge-wait">
        <Alert kind="error">{alert}</Alert>
      </div>
      <p
        class="alert info"
        role="status"
        id="challenge"
        hidden
        data-solved={baseText(locale, 'challenge.solved')}
      >
        {baseText(locale, 'challenge.working')}
      </p>
    </>
  )
}
