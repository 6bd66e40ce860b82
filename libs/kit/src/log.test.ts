import { expect, test } from 'vitest';
import { createLogger } from './index.ts';
import { prettyLines } from './log-pretty.ts';

function collected(): { lines: () => Record<string, unknown>[]; write: (line: string) => void } {
  const texts: string[] = [];
  return { write: (line) => void texts.push(line), lines: () => texts.map((text) => JSON.parse(text) as Record<string, unknown>) };
}

test('lines are JSON with name, level by name and time', () => {
  const destination = collected();
  const log = createLogger({ name: 'node-agent', destination });
  log.debug('unsaid');
  log.child({ callId: 'c' }).warn({ bytes: 12n }, 'careful');
  expect(destination.lines()).toEqual([
    { level: 'warn', time: expect.stringMatching(/^\d{4}-.*Z$/), name: 'node-agent', callId: 'c', bytes: 12, msg: 'careful' },
  ]);
});

test('secrets do not reach the log', () => {
  const destination = collected();
  const log = createLogger({ name: 'x', destination });
  log.info({ password: 'a', nats: { user: 'u', password: 'b' }, request: { secret: 'c' } }, 'm');
  expect(destination.lines()[0]).toMatchObject({
    password: '[redacted]',
    nats: { user: 'u', password: '[redacted]' },
    request: { secret: '[redacted]' },
  });
});

test('lines for people', () => {
  let text = '';
  const log = createLogger({
    name: 'agent',
    level: 'debug',
    destination: prettyLines(
      {
        write: (line) => {
          text += line;
        },
      },
      false,
    ),
  });
  log.info({ node: 'n1', count: 3 }, 'started');
  log.error({ err: new Error('broken') }, 'failed');
  expect(text).toMatch(/^\d\d:\d\d:\d\d\.\d{3} INFO {2}agent: started node=n1 count=3\n/);
  expect(text).toMatch(/ERROR agent: failed\nError: broken\n {4}at /);
});
