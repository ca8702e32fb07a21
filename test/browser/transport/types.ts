/** The port's types, taken from what the adapters' public entries give. */
import type { tabs } from 'tutti/adapters/broadcast-channel'

export type Transport = ReturnType<NonNullable<ReturnType<typeof tabs>['create']>>
export type TransportHost = Parameters<Transport['start']>[0]
export type Link = Parameters<TransportHost['linkUp']>[0]
export type Channel = Parameters<Link['send']>[0]
export type VoteRecord = Parameters<NonNullable<Transport['origin']>['persist']>[0]
