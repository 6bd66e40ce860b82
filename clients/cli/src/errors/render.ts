import { Fault } from '@virtmesh/base';
import { oneLine, safeLines } from '../output/sanitise.ts';
import { UsageError } from '../usage-error.ts';
import { inFlags } from './flags.ts';
import { causeOf, remediesOf } from './remedies.ts';

const mostCauseLines = 20;

/** An error for people: one line of what is wrong, then what others said and what to do, each safe for a terminal. */
export function renderError(thrown: unknown, options: { readonly debug: boolean }): string {
  const lines = thrown instanceof Fault ? faultLines(inFlags(thrown)) : plainLines(thrown);
  if (options.debug) lines.push(...stackOf(thrown));
  return lines.map((line) => `${line}\n`).join('');
}

function plainLines(thrown: unknown): string[] {
  if (thrown instanceof UsageError) return [`error: ${oneLine(headline(thrown))}`, ...violationLines(thrown)];
  const [first = '', ...more] = safeLines(thrown instanceof Error ? thrown.message : String(thrown));
  return [`error: ${first}`, ...more.map((line) => `  ${line}`)];
}

type Refusal = Pick<Fault, 'message' | 'violations'>;

function faultLines(fault: Fault): string[] {
  const [first = '', ...more] = safeLines(headline(fault));
  return [
    `error: ${first}`,
    ...more.map((line) => `  ${line}`),
    ...violationLines(fault),
    ...causeOf(fault).flatMap((words) => causeLines(words)),
    ...(fault.retryAfterMs ? [`  retry in ${Math.ceil(fault.retryAfterMs / 1000)} s`] : []),
    ...remediesOf(fault).map((line) => `  ${oneLine(line)}`),
  ];
}

/** The violations, unless the message says all that its only one does. */
function violationLines({ message, violations }: Refusal): string[] {
  const [only] = violations;
  if (violations.length === 1 && only && message.includes(only.field) && says(message, only.description)) return [];
  return violations.map(({ field, description }) => `  ${oneLine(`${field}: ${description}`)}`);
}

/** Whether a message says what a description does; what it adds in parentheses does not count. */
const says = (message: string, description: string): boolean => plain(message).includes(plain(description));

const plain = (text: string): string => text.replaceAll(/ \([^()]*\)/g, '');

function causeLines(words: string): string[] {
  const lines = safeLines(words);
  const [first = '', ...more] = lines.slice(-mostCauseLines);
  return [`  cause: ${first}`, ...more.map((line) => `         ${line}`)];
}

/** The message without the violation that it quotes, where all of them follow line by line. */
function headline({ message, violations }: Refusal): string {
  const [first] = violations;
  if (violations.length < 2 || first === undefined) return message;
  const at = message.indexOf(`: ${first.field}: ${first.description}`);
  return at < 0 ? message : `${message.slice(0, at)}:`;
}

function stackOf(thrown: unknown): string[] {
  const lines: string[] = [];
  for (let error = thrown; error instanceof Error; error = error.cause) {
    lines.push(...safeLines(error.stack ?? error.message).map((line) => `  ${line}`));
    if (error instanceof Fault) lines.push(`  ${error.reason} ${oneLine(JSON.stringify(error.metadata))}`);
  }
  return lines;
}
