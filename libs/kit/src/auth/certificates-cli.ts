import { parseArgs } from 'node:util';
import { Fault } from '@virtmesh/base';
import { ensureCertificate } from './certificates.ts';

const usage =
  'usage: node certificates-cli.ts --directory DIR --identity virtmesh://node|service|user/NAME [--host NAME]... [--file-name NAME]';

/** Makes one development certificate and prints the paths of its files, one a line: authority, certificate, key. */
async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      directory: { type: 'string' },
      identity: { type: 'string' },
      host: { type: 'string', multiple: true },
      'file-name': { type: 'string' },
    },
  });
  if (values.directory === undefined || values.identity === undefined) {
    process.stderr.write(`${usage}\n`);
    return 2;
  }
  const fileName = values['file-name'];
  const files = await ensureCertificate(
    { identity: values.identity, hosts: values.host ?? [], ...(fileName === undefined ? {} : { fileName }) },
    { directory: values.directory },
  );
  process.stdout.write(`${files.ca}\n${files.cert}\n${files.key}\n`);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (thrown) {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n${Fault.is(thrown) ? '' : `${usage}\n`}`);
  process.exitCode = Fault.is(thrown) ? 1 : 2;
}
