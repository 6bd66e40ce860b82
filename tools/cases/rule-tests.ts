/** The tests that have the cases of validation rules, as globs: those that take moments. A rule's case stands in one of them. */
export const ruleTests: readonly string[] = [
  'clients/cli/src/commands/domain/edit.test.ts',
  'clients/cli/src/spec/{assignments,read-documents,refusals}.test.ts',
  'libs/base/src/{names,token}.test.ts',
  'libs/client/src/target.test.ts',
  'libs/{client,fleet,operations,store}/src/**/refusals.test.ts',
  'libs/drivers/qemu/src/process/guest-files.test.ts',
  'libs/drivers/{lxc,qemu}/src/refusals.test.ts',
  'libs/drivers/test/src/simulator/refusals.test.ts',
  'libs/drivers/{lxc,qemu,test}/src/spec/**/*.test.ts',
  'libs/drivers/spi/src/*.test.ts',
  'libs/kit/src/{config,request}/*.test.ts',
  'libs/kit/src/rpc/lost-keys.test.ts',
  'services/*/src/**/refusals.test.ts',
];
