/** The tests that have the cases of validation rules, as globs: those that take moments. A rule's case stands in one of them. */
export const ruleTests: readonly string[] = [
  'clients/cli/src/spec/*.test.ts',
  'libs/base/src/{names,token}.test.ts',
  'libs/client/src/target.test.ts',
  'libs/client/src/transports/*.test.ts',
  'libs/drivers/qemu/src/process/guest-files.test.ts',
  'libs/drivers/qemu/src/spec/**/*.test.ts',
  'libs/drivers/spi/src/*.test.ts',
  'libs/fleet/src/{page,resume}-token.test.ts',
  'libs/kit/src/{config,request}/*.test.ts',
  'libs/operations/src/refusals.test.ts',
  'services/domain-svc/src/**/refusals.test.ts',
  'services/node-agent/src/**/refusals.test.ts',
];
