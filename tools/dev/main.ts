import { Fault } from '@virtmesh/base';
import { commands, help } from './commands.ts';
import { Failure } from './failure.ts';

const [name = 'help', ...args] = process.argv.slice(2);
const command = commands.find((candidate) => candidate.name === name);

try {
  if (['help', '-h', '--help'].includes(name)) process.stdout.write(help());
  else if (command) process.exitCode = await command.run(args);
  else throw new Failure(`there is no command "${name}"; ./dev help lists them`, 2);
} catch (error) {
  // What the person at the terminal can put right has no need of a stack.
  if (!(error instanceof Failure || (Fault.is(error) && error.reason !== 'INTERNAL_BUG'))) throw error;
  process.stderr.write(`dev: ${error.message}\n`);
  process.exitCode = error instanceof Failure ? error.exitCode : 1;
}
