import packageJson from '../package.json' with { type: 'json' };

/** The version of the agent, as its package has it. */
export const agentVersion: string = packageJson.version;
