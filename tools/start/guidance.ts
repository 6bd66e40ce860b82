import { join } from 'node:path';
import { helloId } from './hello-guest.ts';
import { devCommand, type DevLayout } from './layout.ts';

/** Lines of columns, each as wide as its widest cell. */
function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>((known, row) => row.map((cell, index) => Math.max(cell.length, known[index] ?? 0)), []);
  return rows
    .map(
      (row) =>
        `  ${row
          .map((cell, index) => cell.padEnd(widths[index] ?? 0))
          .join('  ')
          .trimEnd()}`,
    )
    .join('\n');
}

/** Where everything is, and what to try next. */
export function guidance(layout: DevLayout): string {
  const { ports, pki, logs } = layout;
  const vmesh = layout.isDefault ? 'bin/vmesh' : `bin/vmesh -c ${layout.controlSocket}`;
  const endpoints = columns([
    ['control plane', layout.controlSocket, `tls://127.0.0.1:${ports.control}`, `http://127.0.0.1:${ports.controlMetrics}/metrics`],
    ['agent', layout.agentSocket, `tls://127.0.0.1:${ports.agent}`, `http://127.0.0.1:${ports.agentMetrics}/metrics`],
    ['NATS', `nats://127.0.0.1:${ports.nats}`, 'user admin', `password in ${join(layout.config, 'passwords.json')}`],
  ]);
  const verbs = columns([
    [`${vmesh} list --all`, ''],
    [`${vmesh} console ${helloId}`, 'a root shell in the guest; Ctrl-] leaves'],
    [`${vmesh} reboot ${helloId}`, ''],
    [`${vmesh} event`, 'follows the events'],
    [devCommand(layout, 'stop'), 'ends all, guests too'],
  ]);
  return `
Endpoints
${endpoints}
  certificates in ${pki}, logs in ${logs}

Try in another terminal
${verbs}
  VIRTMESH_PKI=${pki} bin/vmesh -c tls://127.0.0.1:${ports.control} nodelist

Ctrl-C ends the services; the guest lives on, and the next ${devCommand(layout, 'start')} finds it.
`;
}
