import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { listeningInodes, portOwner } from './port-owner.ts';

describe('the owner of a port', () => {
  it('is found by the sockets that listen, not by those that are connected', () => {
    const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F90 0100007F:A0F2 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 20 4 30 10 -1
`;
    expect(listeningInodes(table, 8080)).toEqual(['4711']);
    expect(listeningInodes(table, 80)).toEqual([]);
  });

  it('is named with the program and its file, however long the path of the interpreter is', async () => {
    const listen =
      'require("net").createServer().listen(0, "127.0.0.1", function () { process.stdout.write(String(this.address().port)) })';
    const longPath = 'a/'.repeat(80);
    const child = spawn(process.execPath, ['-e', listen, longPath, 'services/domain-svc/src/main.ts', 'x'.repeat(4000)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const [port] = (await once(child.stdout, 'data')) as [Buffer];
      const owner = await portOwner(Number(port.toString()));
      expect(owner).toContain(`process ${child.pid}: ${process.execPath} -e`);
      expect(owner).toContain('services/domain-svc/src/main.ts');
      expect(owner?.length).toBeLessThan(500);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });

  it('is nobody for a free port', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    expect(await portOwner(port)).toContain(`process ${process.pid}: `);
    await new Promise((closed) => server.close(closed));
    expect(await portOwner(port)).toBeUndefined();
  });
});
