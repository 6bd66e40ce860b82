/** The kinds of domain events, in virsh's words where it has them. */
export const eventKinds = ['lifecycle', 'state', 'reboot', 'balloon', 'device', 'watchdog', 'io-error', 'agent'] as const;
export type EventKind = (typeof eventKinds)[number];
