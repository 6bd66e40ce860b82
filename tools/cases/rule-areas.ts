/** Files with validation rules, and the tests that have a case for each. Globs from the root of the repository. */
export interface RuleArea {
  readonly rules: readonly string[];
  readonly tests: readonly string[];
}

/** Every file of the product that makes violations must be in one of them. */
export const ruleAreas: readonly RuleArea[] = [
  { rules: ['libs/base/src/*.ts'], tests: ['libs/base/src/{names,token}.test.ts'] },
  { rules: ['libs/drivers/spi/src/*.ts'], tests: ['libs/drivers/spi/src/*.test.ts'] },
  { rules: ['libs/drivers/qemu/src/**/*.ts'], tests: ['libs/drivers/qemu/src/spec/**/*.test.ts'] },
  { rules: ['libs/kit/src/**/*.ts'], tests: ['libs/kit/src/{request,config}/*.test.ts'] },
  { rules: ['libs/operations/src/*.ts'], tests: ['libs/operations/src/service.test.ts'] },
  { rules: ['libs/fleet/src/*.ts'], tests: ['libs/fleet/src/{list,resume-token}.test.ts'] },
  { rules: ['libs/client/src/*.ts'], tests: ['libs/client/src/target.test.ts'] },
  { rules: ['services/node-agent/src/**/*.ts'], tests: ['services/node-agent/src/**/{refusals,rpc}.test.ts'] },
  { rules: ['services/domain-svc/src/**/*.ts'], tests: ['services/domain-svc/src/**/*.test.ts'] },
  { rules: ['clients/cli/src/**/*.ts'], tests: ['clients/cli/src/spec/*.test.ts'] },
];
