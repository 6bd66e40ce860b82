import { join } from 'node:path';
import { helloId } from './hello-guest.ts';
import type { DevLayout } from './layout.ts';

/** Where everything is, and what to try next. */
export function guidance(layout: DevLayout): string {
  const { ports, pki, logs } = layout;
  const vmesh = layout.isDefault ? 'bin/vmesh' : `bin/vmesh -c ${layout.controlSocket}`;
  return `
Endpoints
  control plane  unix:${layout.controlSocket}    tls://127.0.0.1:${ports.control}    metrics http://127.0.0.1:${ports.controlMetrics}/metrics
  agent          unix:${layout.agentSocket}      tls://127.0.0.1:${ports.agent}    metrics http://127.0.0.1:${ports.agentMetrics}/metrics
  NATS           nats://127.0.0.1:${ports.nats}    user admin, password in ${join(layout.config, 'passwords.json')}
  certificates   ${pki}
  logs           ${logs}

Try in another terminal
  ${vmesh} list --all
  ${vmesh} console ${helloId}          a root shell in the guest; Ctrl-] leaves
  ${vmesh} dominfo ${helloId}
  ${vmesh} reboot ${helloId}
  ${vmesh} event                  follows the events
  VIRTMESH_PKI=${pki} bin/vmesh -c tls://127.0.0.1:${ports.control} nodelist
  ./dev stop                       ends all, guests too

Ctrl-C ends the services; the guest lives on, and the next ./dev start finds it.
`;
}
