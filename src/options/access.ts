import type { z } from 'zod'
import { readPublicKey } from '../auth/keys.js'
import { normalizeOrigin } from '../auth/origins.js'
import { described, duration, flag, list, type OptionProblem, text } from './fields.js'

/** The length of an HS256 signature, RFC 7518 section 3.2. */
const MIN_SECRET_BYTES = 32

export const access = {
  /**
   * Only let in clients with a token that is signed with this secret (HS256, at least 32 bytes). Set at most one of
   * this option and the next two. If none is set, everybody may do everything.
   *
   * @default empty
   */
  jwtSecret: described(
    text('a text')
      .refine((secret) => secret === '' || Buffer.byteLength(secret) >= MIN_SECRET_BYTES, {
        error: `must have ${MIN_SECRET_BYTES} bytes or more, such as openssl rand -base64 32 makes`,
      })
      .default(''),
    {
      value: 'text',
      secret: true,
      description:
        'Only let in clients with a token that is signed with this secret (HS256, at least 32 bytes). Set at most one of this option and the next two. If none is set, everybody may do everything.',
    },
  ),
  /**
   * Like `jwtSecret`, but with a public key in PEM: RSA (RS256), P-256 (ES256) or Ed25519 (EdDSA). Its line ends may
   * be written as `\n`.
   *
   * @default empty
   */
  jwtPublicKey: described(
    text('a text')
      .refine((pem) => pem === '' || readPublicKey(pem) !== undefined, {
        error: 'must be a public key in PEM: RSA of 2048 bits or more, P-256 or Ed25519',
      })
      .default(''),
    {
      value: 'text',
      // It is not a secret, but somebody will put the private key here one day.
      secret: true,
      description:
        'Like `JWT_SECRET`, but with a public key in PEM: RSA (RS256), P-256 (ES256) or Ed25519 (EdDSA). Its line ends may be written as `\\n`.',
    },
  ),
  /**
   * Like `jwtSecret`, but with the public keys that an identity provider has at this URL. The relay keeps them for 10
   * minutes. It fetches them earlier for a token that fits none of them, at most every 30 s.
   *
   * @default empty
   */
  jwksUrl: described(
    text('a text')
      .refine((url) => url === '' || isKeySetUrl(url), {
        error: 'must be a URL with https or http, and without a user or a password',
      })
      .default(''),
    {
      value: 'text',
      // Its query may contain a secret.
      secret: true,
      description:
        'Like `JWT_SECRET`, but with the public keys that an identity provider has at this URL. The relay keeps them for 10 minutes. It fetches them earlier for a token that fits none of them, at most every 30 s.',
    },
  ),
  /**
   * How old those keys may become while the relay cannot fetch them again. After that nobody can get in. `/health`
   * reports the problem from the first failure on.
   *
   * Milliseconds, or text such as `30s`, `12h` or `7d`.
   *
   * @default 24h
   */
  jwksMaxStale: described(duration().default(24 * 3_600_000), {
    value: 'duration',
    description:
      'How old those keys may become while the relay cannot fetch them again. After that nobody can get in. `/health` reports the problem from the first failure on.',
  }),
  /**
   * Required value of the claim `iss` of a token. Empty allows any.
   *
   * @default empty
   */
  jwtIssuer: described(text('a text').default(''), {
    value: 'text',
    description: 'Required value of the claim `iss` of a token. Empty allows any.',
  }),
  /**
   * Required value of the claim `aud` of a token, alone or in a list. Empty allows any.
   *
   * @default empty
   */
  jwtAudience: described(text('a text').default(''), {
    value: 'text',
    description: 'Required value of the claim `aud` of a token, alone or in a list. Empty allows any.',
  }),
  /**
   * How far the issuer's clock may be ahead. This applies to the claim `nbf`. `exp` is exact to the second, because
   * the connection ends then.
   *
   * Milliseconds, or text such as `30s`, `12h` or `7d`.
   *
   * @default 5s
   */
  jwtLeeway: described(duration().default(5000), {
    value: 'duration',
    description:
      "How far the issuer's clock may be ahead. This applies to the claim `nbf`. `exp` is exact to the second, because the connection ends then.",
  }),
  /**
   * Origins of the pages that may connect, separated by commas: `https://app.example.com`, `https://*.example.com`
   * for all below it, or `null`. Empty means all.
   *
   * An array, or text with commas between the items.
   *
   * @default empty
   */
  allowedOrigins: described(
    list(normalizeOrigin, 'must be origins such as https://app.example.com, https://*.example.com or null').default([]),
    {
      value: 'list',
      description:
        'Origins of the pages that may connect, separated by commas: `https://app.example.com`, `https://*.example.com` for all below it, or `null`. Empty means all.',
    },
  ),
  /**
   * Also refuse WebSockets without an origin. They do not come from a browser.
   *
   * @default false
   */
  requireOrigin: described(flag.default(false), {
    value: 'boolean',
    description: 'Also refuse WebSockets without an origin. They do not come from a browser.',
  }),
}

/** `fetch` refuses a URL with credentials, and puts them into its error. */
function isKeySetUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, username, password } = new URL(text)
  return /^https?:$/.test(protocol) && username === '' && password === ''
}

/** Problems of options that contradict each other. */
export function accessProblems(settings: z.output<z.ZodObject<typeof access>>): OptionProblem[] {
  const { jwtSecret, jwtPublicKey, jwksUrl, jwtIssuer, jwtAudience, allowedOrigins, requireOrigin } = settings
  const [key, ...more] = setAmong({ jwtSecret, jwtPublicKey, jwksUrl })
  const problems = more.map((option) => ({
    option,
    problem: 'must not be set beside another: tokens are checked with a secret, a public key or a JWKS URL',
  }))
  if (key === undefined) {
    for (const option of setAmong({ jwtIssuer, jwtAudience })) {
      problems.push({ option, problem: 'is set, but no secret, public key or JWKS URL to check tokens with' })
    }
  }
  if (requireOrigin && allowedOrigins.length === 0) {
    problems.push({ option: 'requireOrigin', problem: 'is set, but no allowed origins are' })
  }
  return problems
}

function setAmong(options: Readonly<Record<string, string>>): string[] {
  return Object.keys(options).filter((option) => options[option] !== '')
}
