import { Fault } from '@virtmesh/base';

/** Where a server is, and how to get there. */
export type Target =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | {
      readonly kind: 'tls';
      readonly host: string;
      readonly port: number;
      readonly ca?: string;
      readonly cert?: string;
      readonly key?: string;
      readonly identity?: string;
    };

const forms = 'unix:///run/virtmesh/agent.sock, tls://host:port?ca=FILE&cert=FILE&key=FILE or tcp://127.0.0.1:port';

/** A connection URI taken apart; URI_INVALID says what is wrong with it. A path beginning with `/` or `.` is that of a unix socket. */
export function parseTarget(uri: string): Target {
  if (uri.startsWith('/') || uri.startsWith('.')) return unixTarget(uri, uri);
  if (uri.startsWith('unix:')) return unixTarget(uri, decodePath(uri));
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(uri)) throw invalid(uri, `it has no scheme; write ${forms}`);
  if (!URL.canParse(uri)) throw invalid(uri, `it cannot be read as a URI; write ${forms}`);
  const url = new URL(uri);
  switch (url.protocol) {
    case 'tcp:':
      return { kind: 'tcp', ...checked(uri, url, []) };
    case 'tls:':
      return { kind: 'tls', ...checked(uri, url, ['ca', 'cert', 'key', 'identity']), ...parameters(url) };
    default:
      throw invalid(uri, `the scheme ${url.protocol.slice(0, -1)} is not known; there are unix, tls and tcp: ${forms}`);
  }
}

function decodePath(uri: string): string {
  const rest = uri.slice('unix:'.length);
  const path = rest.startsWith('///') ? rest.slice(2) : rest;
  if (path.startsWith('//')) throw invalid(uri, 'a unix socket has no host: write unix:///absolute/path');
  try {
    return decodeURIComponent(path);
  } catch {
    throw invalid(uri, 'a % in the path must be written as %25');
  }
}

function unixTarget(uri: string, path: string): Target {
  if (path === '' || path.includes('\0')) throw invalid(uri, 'it names no path');
  if (Buffer.byteLength(path) > 107) throw invalid(uri, 'the path is longer than the 107 bytes that a unix socket can have');
  return { kind: 'unix', path };
}

function checked(uri: string, url: URL, known: readonly string[]): { host: string; port: number } {
  // For schemes that it does not know, URL keeps the host as it was written.
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  if (host === '') throw invalid(uri, 'it names no host');
  if (url.port === '') throw invalid(uri, 'it names no port');
  if (url.username !== '' || url.password !== '') throw invalid(uri, 'it names a user; who you are is said by your certificate');
  if (url.pathname !== '' && url.pathname !== '/') throw invalid(uri, `it has a path, ${url.pathname}; there is none to choose`);
  if (url.hash !== '') throw invalid(uri, `it has a fragment, ${url.hash}`);
  for (const key of url.searchParams.keys()) {
    if (!known.includes(key))
      throw invalid(uri, `the parameter ${key} is not known; ${known.length > 0 ? `there are ${known.join(', ')}` : 'there are none'}`);
    if (url.searchParams.getAll(key).length > 1) throw invalid(uri, `the parameter ${key} is given twice`);
  }
  return { host, port: Number(url.port) };
}

function parameters(url: URL): { ca?: string; cert?: string; key?: string; identity?: string } {
  return Object.fromEntries(url.searchParams.entries().filter(([, value]) => value !== ''));
}

export function invalid(uri: string, why: string): Fault {
  return new Fault(
    'URI_INVALID',
    `the address ${JSON.stringify(uri.slice(0, 200))} cannot be used: ${why}`,
    { uri: uri.slice(0, 200), why },
    { violations: [{ field: 'uri', description: why }] },
  );
}
