import { setTimeout as sleep } from 'node:timers/promises'
import type { Authorization, Client, CryptoInterface, Order } from 'acme-client'
import { AcmeError, type AcmeProblem, refusalOf } from './acme-error.js'
import type { Challenges } from './challenges.js'
import { IssuedCertificate } from './issued-certificate.js'

/** What an order needs. */
export interface OrderContext {
  readonly client: Client
  readonly crypto: CryptoInterface
  readonly domains: readonly string[]
  readonly challenges: Challenges
  /** Ends the wait for the authority. */
  readonly signal: AbortSignal
}

/** acme-client's own HTTP client, which its types leave out. Its options are those of axios. */
interface Requester {
  request(url: string, method: string, options?: object): Promise<unknown>
}

/** Ends the client's requests by the signal. Otherwise a request that hangs would keep the process alive. */
export function endRequestsWith(signal: AbortSignal, client: Client): void {
  const { http } = client as unknown as { http?: Requester }
  const request = http?.request.bind(http)
  if (http && request) http.request = async (url, method, options) => await request(url, method, { ...options, signal })
}

/** How long an authority may take to verify or to issue, in milliseconds. */
const ORDER_TIMEOUT = 180_000

/** The first pause between two checks of an order, and the longest, in milliseconds. */
const FIRST_PAUSE = 250
const MAX_PAUSE = 5000

/**
 * Orders one certificate for all the domains, with a new key, RFC 8555 section 7.4. The challenges must be prepared.
 */
export async function placeOrder(desk: OrderContext): Promise<IssuedCertificate> {
  const { client, crypto, domains, signal } = desk
  const order = await client.createOrder({ identifiers: domains.map((value) => ({ type: 'dns', value })) })
  const authorizations = await client.getAuthorizations(order)
  signal.throwIfAborted()
  await Promise.all(authorizations.filter(({ status }) => status === 'pending').map((each) => prove(desk, each)))
  await settled(desk, order, ['ready', 'valid'])
  const key = await crypto.createPrivateEcdsaKey()
  const [, request] = await crypto.createCsr({ altNames: [...domains] }, key)
  await client.finalizeOrder(order, request)
  const chain = await client.getCertificate(await settled(desk, order, ['valid']))
  return new IssuedCertificate(`${chain.trimEnd()}\n${key}`)
}

/** Lets the authority verify that a domain points here. */
async function prove({ client, challenges }: OrderContext, authorization: Authorization): Promise<void> {
  const { type } = challenges
  const challenge = authorization.challenges.find((offered: { type: string }) => offered.type === type)
  if (!challenge) {
    const domain = authorization.identifier.value
    throw new AcmeError(`${domain}: the authority does not offer ${type}`, 'Set ACME_CHALLENGE to the other way.')
  }
  const answer = await client.getChallengeKeyAuthorization(challenge)
  await challenges.add(authorization, challenge.token, answer)
  await client.completeChallenge(challenge)
}

/** Waits until an order has this status. acme-client's own wait starts with five seconds and cannot be stopped. */
async function settled(desk: OrderContext, order: Order, wanted: readonly Order['status'][]): Promise<Order> {
  const end = performance.now() + ORDER_TIMEOUT
  for (let pause = FIRST_PAUSE; performance.now() < end; pause = Math.min(2 * pause, MAX_PAUSE)) {
    await sleep(pause, undefined, { signal: desk.signal })
    const now = await desk.client.getOrder(order)
    if (wanted.includes(now.status)) return now
    if (now.status === 'invalid') throw await whyInvalid(desk, now)
  }
  throw new AcmeError('The authority has not decided within three minutes', 'Its status page may say why.')
}

async function whyInvalid({ client, challenges }: OrderContext, order: Order): Promise<AcmeError> {
  for (const { identifier, challenges: tried } of await client.getAuthorizations(order)) {
    const failed = tried.find(({ error }) => error !== undefined)
    if (failed) return refusalOf(identifier.value, challenges.port, failed.error as AcmeProblem)
  }
  return refusalOf(
    order.identifiers.map(({ value }) => value).join(', '),
    challenges.port,
    (order.error ?? {}) as AcmeProblem,
  )
}
