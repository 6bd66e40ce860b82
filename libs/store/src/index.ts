export type { Journal, JournalPosition, JournalRow } from './journal.ts';
export type { ObjectRow, ObjectTable } from './object-table.ts';
export type { OperationListOptions, OperationRow, OperationTable } from './operation-table.ts';
export type { RequestRow, RequestTable } from './request-table.ts';
export type { RuntimeRow, RuntimeTable } from './runtime-table.ts';
export { Store, type StoreLimits, type StoreOptions } from './store.ts';
export type { CommitSide } from './transactions.ts';
