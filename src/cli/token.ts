import { type Command, InvalidArgumentError } from 'commander'
import { OptionsError, parseOptions } from '../options/index.js'
import { parseDuration } from '../options/units.js'
import { fromEnvironment } from './environment.js'

/** The settings of the command. */
interface Wishes {
  room: string[]
  sub?: string
  /** In milliseconds. */
  expires?: number
  readOnly?: true
  issuer?: string | undefined
  audience?: string | undefined
  jwtSecret?: string | undefined
}

/** The flags that were given. */
type Given = Omit<Wishes, 'room'> & Partial<Pick<Wishes, 'room'>>

const SECOND = 1000
const HOUR = 3600 * SECOND

/** A token that says `rooms`, signed with `jwtSecret`. */
async function sign({ room, sub, expires = HOUR, readOnly, issuer, audience, ...wishes }: Wishes): Promise<string> {
  const { jwtSecret } = parseOptions({ jwtSecret: wishes.jwtSecret ?? '' })
  if (jwtSecret === '') throw new OptionsError([{ option: 'jwtSecret', problem: 'is needed to sign a token' }])
  const { SignJWT } = await import('jose')
  const rights = readOnly ? ['join'] : ['join', 'publish']
  const token = new SignJWT({ rooms: Object.fromEntries(room.map((pattern) => [pattern, rights])) })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuedAt()
    .setExpirationTime(new Date(Date.now() + expires))
  if (sub !== undefined) token.setSubject(sub)
  if (issuer) token.setIssuer(issuer)
  if (audience) token.setAudience(audience)
  return await token.sign(Buffer.from(jwtSecret))
}

/** Adds `baton token`, which prints a token. */
export function addTokenCommand(
  parent: Command,
  { env, out }: { env: Readonly<Record<string, string | undefined>>; out(text: string): void },
): void {
  parent
    .command('token')
    .description('Print a token that lets its bearer into rooms, signed with JWT_SECRET.')
    .helpOption('-h, --help', 'Print this help.')
    .option('--room <pattern>', "Rooms such as doc, 'doc-*' or 'pluresdb/*'; may be given several times.", rooms)
    .option('--sub <user>', 'The name of the user.', text)
    .option('--expires <duration>', 'How long the token is good, such as 1h or 30d. (default 1h)', lifetime)
    .option('--read-only', 'The rooms may be joined, and nothing published in them.')
    .option('--issuer <text>', 'The claim iss. (default JWT_ISSUER)', text)
    .option('--audience <text>', 'The claim aud. (default JWT_AUDIENCE)', text)
    .option('--jwt-secret <text>', 'The secret to sign with. (default JWT_SECRET)', text)
    .action(async ({ room, ...flags }: Given, command: Command) => {
      // commander would report it as missing before it reports a misspelt one.
      if (!room) command.error("required option '--room <pattern>' not specified")
      // These are not defaults of the flags, because the help shows defaults.
      const wishes = {
        jwtSecret: flags.jwtSecret ?? secretFrom(env),
        issuer: env['JWT_ISSUER'],
        audience: env['JWT_AUDIENCE'],
        ...flags,
        room,
      }
      out(`${await sign(wishes)}\n`)
    })
}

function secretFrom(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const [secret] = fromEnvironment({ name: 'jwtSecret', env: 'JWT_SECRET', secret: true }, env)
  return secret
}

function rooms(pattern: string, before: string[] = []): string[] {
  return [...before, text(pattern)]
}

function text(value: string): string {
  if (value === '') throw new InvalidArgumentError('It must not be empty.')
  return value
}

function lifetime(value: string): number {
  const milliseconds = parseDuration(value)
  if (milliseconds !== undefined && milliseconds >= SECOND) return milliseconds
  throw new InvalidArgumentError('It must be a duration such as 1h, 30d or 90s, at least 1s.')
}
