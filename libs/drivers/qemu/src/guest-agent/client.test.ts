import type { HostSockets } from '@virtmesh/driver-spi';
import fc from 'fast-check';
import { createHost } from '@virtmesh/host';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { GuestAgentClient } from './client.ts';
import { GuestAgentFraming } from './framing.ts';

type Talk = (line: string, socket: Socket) => void;

/** What an agent answers to a sync, with the sentinel in front. */
const synced = (line: string): string =>
  `\xff{"return": ${(JSON.parse(line) as { readonly arguments: { readonly id: number } }).arguments.id}}\n`;

describe('a talk with a guest agent', () => {
  let sockets: HostSockets;
  let directory: string;
  let server: Server | undefined;
  const open = new Set<Socket>();
  beforeAll(async () => {
    sockets = (await createHost()).sockets;
  });
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'vmg-'));
  });
  afterEach(() => {
    for (const socket of open) socket.destroy();
    open.clear();
    server?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  /** A guest that says what the test wants to each line that it gets. */
  const guest = async (talk: Talk): Promise<string> => {
    const path = join(directory, 'agent.sock');
    server = createServer((socket) => {
      open.add(socket);
      let rest = '';
      socket.setEncoding('latin1').on('error', () => {});
      socket.on('data', (text: string) => {
        rest += text.replaceAll('\xff', '');
        for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
          talk(rest.slice(0, end), socket);
          rest = rest.slice(end + 1);
        }
      });
    });
    const listening = new Promise((resolve) => server?.once('listening', resolve));
    server.listen(path);
    await listening;
    return path;
  };
  const say = (socket: Socket, text: string): void => void socket.write(Buffer.from(text, 'latin1'));
  const soon = (ms = 5000): AbortSignal => AbortSignal.timeout(ms);

  it('throws away what an earlier talk left, and executes', async () => {
    const path = await guest((line, socket) => {
      if (line.includes('guest-sync-delimited')) say(socket, `{"return": "old"}\n{"ret${synced(line)}`);
      else say(socket, '{"return": {"host-name": "web"}}\n');
    });
    await using agent = await GuestAgentClient.connect(sockets, path, soon());
    expect(await agent.execute('guest-get-host-name', {}, soon())).toEqual({ 'host-name': 'web' });
  });

  it('passes over answers to the syncs of talks that were left before theirs came', async () => {
    const late = '\xff{"return": 1}\n';
    for (const apart of [false, true]) {
      const path = await guest((line, socket) => {
        if (!line.includes('guest-sync-delimited')) say(socket, '{"return": {"host-name": "web"}}\n');
        else if (apart) {
          say(socket, late);
          setTimeout(() => say(socket, `${late}${synced(line)}`), 20);
        } else say(socket, `${late}${synced(line)}`);
      });
      await using agent = await GuestAgentClient.connect(sockets, path, soon());
      expect(await agent.execute('guest-get-host-name', {}, soon())).toEqual({ 'host-name': 'web' });
      server?.close();
      rmSync(path, { force: true });
    }
  });

  it('tells a shutdown that was begun from one that was refused', async () => {
    let refuses = false;
    const path = await guest((line, socket) => {
      if (line.includes('guest-sync-delimited')) say(socket, synced(line));
      else if (line.includes('guest-shutdown'))
        say(socket, refuses ? '{"error": {"class": "GenericError", "desc": "child process has failed to shutdown"}}\n' : '');
      else say(socket, '{"return": {}}\n');
    });
    {
      await using agent = await GuestAgentClient.connect(sockets, path, soon());
      await agent.shutdown('powerdown', soon());
    }
    refuses = true;
    await using agent = await GuestAgentClient.connect(sockets, path, soon());
    await expect(agent.shutdown('reboot', soon())).rejects.toMatchObject({
      reason: 'HYPERVISOR_FAILED',
      metadata: { desc: 'child process has failed to shutdown' },
    });
  });

  it.each<[string, Talk]>([
    ['says nothing', () => {}],
    ['goes away', (_, socket) => socket.destroy()],
    ['answers something else', (_, socket) => say(socket, '\xff{"return": 1}\n')],
    ['talks without a sentinel', (line, socket) => say(socket, synced(line).slice(1))],
    ['talks nonsense', (_, socket) => say(socket, '\xffnonsense\n')],
    ['talks without end', (_, socket) => say(socket, `\xff${'x'.repeat(2 * 1024 * 1024)}`)],
  ])('fails with GUEST_AGENT_UNRESPONSIVE at a guest that %s', async (_, talk) => {
    const path = await guest(talk);
    await expect(GuestAgentClient.connect(sockets, path, soon(300))).rejects.toMatchObject({ reason: 'GUEST_AGENT_UNRESPONSIVE' });
  });

  it('fails where there is nothing to talk to', async () => {
    await expect(GuestAgentClient.connect(sockets, join(directory, 'none.sock'), soon())).rejects.toMatchObject({
      reason: 'GUEST_AGENT_UNRESPONSIVE',
    });
  });

  it('frames the same lines wherever chunks end, and keeps nothing from before the sentinel', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 50 }),
        fc.array(
          fc
            .string({ maxLength: 30 })
            .map((text) => text.replaceAll(/\s/g, ''))
            .filter((text) => text !== ''),
          { maxLength: 10 },
        ),
        fc.array(fc.nat({ max: 40 })),
        (before, lines, cuts) => {
          const bytes = Buffer.concat([
            Buffer.from(before.filter((byte) => byte !== 0xff)),
            Buffer.from([0xff]),
            Buffer.from(lines.map((line) => `${line}\n`).join('')),
          ]);
          const framing = new GuestAgentFraming(1000);
          const got: string[] = [];
          let at = 0;
          for (const cut of [...cuts, bytes.length]) {
            got.push(...framing.push(bytes.subarray(at, at + cut)));
            at += cut;
          }
          expect(got).toEqual(lines);
        },
      ),
    );
  });
});
