export { domainServiceConfig, type DomainServiceConfig } from './config.ts';
export { DomainControl } from './service.ts';
