/** Why a guest is in its state: DomainStateReason in the simulator's words, which needs no contract for that. */
export type StateReason =
  | 'unspecified'
  | 'booted'
  | 'restored'
  | 'unpaused'
  | 'wakeup'
  | 'user'
  | 'io-error'
  | 'watchdog'
  | 'starting-up'
  | 'panicked'
  | 'job'
  | 'shutdown'
  | 'destroyed'
  | 'crashed'
  | 'failed';

/** What happens when a guest powers off, reboots or crashes. */
export type EndAction = 'destroy' | 'restart' | 'preserve';

/** How a guest is asked to shut down or reboot; `best` is what it has. */
export type PowerMode = 'best' | 'acpi' | 'agent' | 'signal' | 'reset';
