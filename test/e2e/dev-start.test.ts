import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { runCommand, tryCommand } from '@virtmesh/tools/run-command';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

const main = resolve(import.meta.dirname, '../../tools/dev/main.ts');

/** Free ports, by taking and giving back as many. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map(async (server: Server) => new Promise((done) => server.close(done))));
  return ports;
}

/** A `./dev start` in the foreground of nobody. */
class ForegroundStart {
  readonly process: ChildProcess;
  output = '';

  /** Those that a case began; one that fails leaves none to the next. */
  static readonly begun: ForegroundStart[] = [];

  constructor(env: NodeJS.ProcessEnv) {
    ForegroundStart.begun.push(this);
    this.process = spawn(process.execPath, [main, 'start'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.process.stdout, this.process.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
  }

  /** Waits until it has printed something. */
  async until(text: string): Promise<void> {
    while (!this.output.includes(text)) {
      if (this.process.exitCode !== null)
        throw new Error(`./dev start ended with ${this.process.exitCode} without "${text}":\n${this.output}`);
      await Promise.race([
        once(this.process.stdout ?? this.process, 'data'),
        once(this.process.stderr ?? this.process, 'data'),
        once(this.process, 'exit'),
      ]);
    }
  }

  async interrupt(): Promise<number | null> {
    const ended = this.process.exitCode !== null || this.process.signalCode !== null;
    if (!ended) {
      this.process.kill('SIGINT');
      await once(this.process, 'exit');
    }
    return this.process.exitCode;
  }
}

describe('./dev start', () => {
  let directory: string;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'd-'));
    await chmod(directory, 0o711);
    const [control, agent, nats, controlMetrics, agentMetrics] = await freePorts(5);
    env = {
      ...process.env,
      VIRTMESH_DEV_DIR: directory,
      VIRTMESH_DEV_PORTS: `control=${control},agent=${agent},nats=${nats},controlMetrics=${controlMetrics},agentMetrics=${agentMetrics}`,
    };
  });

  afterEach(async () => {
    for (const start of ForegroundStart.begun.splice(0)) await start.interrupt();
  });

  afterAll(async () => {
    await tryCommand([process.execPath, main, 'stop', '--purge'], { env });
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  /** The process ids of QEMUs of this instance. */
  async function guests(): Promise<readonly string[]> {
    const { stdout } = await tryCommand(['pgrep', '-f', `qemu-system.*${directory}`]);
    return stdout.split('\n').filter(Boolean);
  }

  it('boots a first guest, shows its events and console, and refuses a second instance and taken ports', async () => {
    const first = new ForegroundStart(env);
    await first.until('Ctrl-C ends the services');
    expect(first.output).toMatch(/event .* hello: defined \(added\)/);
    expect(first.output).toMatch(/event .* hello: started \(booted\)/);
    expect(first.output).toContain('console  virtmesh guest: hello from hello');
    await first.until('hello: guest agent connected');
    expect(await guests()).toHaveLength(1);

    const second = await tryCommand([process.execPath, main, 'start'], { env });
    expect(second.exitCode).toBe(1);
    expect(second.stderr).toContain(`runs already, as process ${first.process.pid}`);

    const elsewhere = { ...env, VIRTMESH_DEV_DIR: join(directory, 'b') };
    const taken = await tryCommand([process.execPath, main, 'start'], { env: elsewhere });
    expect(taken.exitCode).toBe(1);
    expect(taken.stderr).toMatch(/port \d+ \(control\) is taken by process \d+: .*domain-svc.*VIRTMESH_DEV_PORTS=control=\d+/s);

    const verbs = await runCommand([resolve('bin/vmesh'), '-c', join(directory, 'run/domain-svc.sock'), 'list', '--all'], { env });
    expect(verbs).toMatch(/hello\s+\S+\s+running/);
    expect(await first.interrupt()).toBe(0);
    expect(existsSync(join(directory, 'instance.json'))).toBe(false);
  });

  it('finds the guest running that the first run left, and ends all when a service dies', async () => {
    const [guest] = await guests();
    expect(guest).toBeDefined();
    const again = new ForegroundStart(env);
    await again.until('was running already');
    await again.until('Ctrl-C ends the services');
    const { children } = JSON.parse(await readFile(join(directory, 'instance.json'), 'utf8')) as {
      children: { name: string; pid: number }[];
    };
    process.kill(children.find((child) => child.name === 'domain-svc')?.pid ?? 0, 'SIGKILL');
    await once(again.process, 'exit');
    expect(again.process.exitCode).toBe(1);
    expect(again.output).toContain('domain-svc ended with exit code 137. Its last lines');
    expect(await guests()).toEqual([guest]);
  });

  it('takes over from a run that was killed, and ./dev stop then ends the guest too', async () => {
    const killed = new ForegroundStart(env);
    await killed.until('Ctrl-C ends the services');
    killed.process.kill('SIGKILL');
    await once(killed.process, 'exit');

    const next = new ForegroundStart(env);
    await next.until('which a killed ./dev start left');
    await next.until('Ctrl-C ends the services');
    const stopped = await tryCommand([process.execPath, main, 'stop'], { env });
    expect(stopped.stderr).toContain('ended the guest hello');
    if (next.process.exitCode === null) await once(next.process, 'exit');
    expect(await guests()).toEqual([]);
  });

  it('starts the guest that is defined, and ./dev stop ends it also when nothing else runs', async () => {
    const last = new ForegroundStart(env);
    await last.until('console  virtmesh guest: hello from hello');
    await last.until('Ctrl-C ends the services');
    expect(last.output).not.toContain('defined (added)');
    await last.interrupt();
    expect(await guests()).toHaveLength(1);
    const stopped = await tryCommand([process.execPath, main, 'stop', '--purge'], { env });
    expect(stopped.stderr).toContain('ended the guest hello');
    expect(stopped.exitCode).toBe(0);
    expect(await guests()).toEqual([]);
    expect(existsSync(directory)).toBe(false);
  });
});
