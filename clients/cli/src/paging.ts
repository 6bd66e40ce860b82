/** All pages of a listing, one call after the other. */
export async function* pages<Page extends { readonly nextPageToken: string }>(
  call: (pageToken: string) => Promise<Page>,
): AsyncGenerator<Page> {
  let token = '';
  do {
    const page = await call(token);
    yield page;
    // A server that answers its own token again would be asked for ever.
    token = page.nextPageToken === token ? '' : page.nextPageToken;
  } while (token !== '');
}

/** As many as a server answers at once. */
export const pageSize = 1000;
