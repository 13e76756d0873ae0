// The types of index.cjs. TypeScript cannot make them: it takes the import of an ES module for one of CommonJS.
import type * as Library from './index.js' with { 'resolution-mode': 'import' }

declare const Relay: typeof Library.Relay & typeof Library
type Relay = Library.Relay
declare namespace Relay {
  export type Allowance = Library.Allowance
  export type Authorize = Library.Authorize
  export type AuthorizeRequest = Library.AuthorizeRequest
  export type Backplane = Library.Backplane
  export type BackplaneEvents = Library.BackplaneEvents
  export type CloseReason = Library.CloseReason
  export type ConnectionInfo = Library.ConnectionInfo
  export type Denial = Library.Denial
  export type DialectName = Library.DialectName
  export type ErrorCode = Library.ErrorCode
  export type Health = Library.Health
  export type IceServers = Library.IceServers
  export type LimitName = Library.LimitName
  export type ListenError = Library.ListenError
  export type Logger = Library.Logger
  export type LogLevel = Library.LogLevel
  export type MemoryBus = Library.MemoryBus
  export type Options = Library.Options
  export type OptionsError = Library.OptionsError
  export type Outage = Library.Outage
  export type PresenceInfo = Library.PresenceInfo
  export type PublishData = Library.PublishData
  export type Relay = Library.Relay
  export type RelayEvents = Library.RelayEvents
  export type RelayOptions = Library.RelayOptions
  export type RoomCloseCause = Library.RoomCloseCause
  export type RoomInfo = Library.RoomInfo
  export type Stats = Library.Stats
  export type Verdict = Library.Verdict
}

export = Relay
