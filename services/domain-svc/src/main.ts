import { runService } from '@virtmesh/kit';
import { domainServiceConfig } from './config.ts';
import { DomainControl } from './service.ts';

await runService({
  name: 'domain-svc',
  schema: domainServiceConfig,
  defaultConfigFile: '/etc/virtmesh/domain-svc.yaml',
  start: (context) => DomainControl.start(context),
});
