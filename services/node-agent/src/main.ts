import { runService } from '@virtmesh/kit';
import { agentConfig } from './config.ts';
import { NodeAgent } from './service.ts';

await runService({
  name: 'node-agent',
  schema: agentConfig,
  defaultConfigFile: '/etc/virtmesh/node-agent.yaml',
  start: (context) => NodeAgent.start(context),
});
