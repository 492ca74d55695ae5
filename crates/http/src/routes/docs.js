/** Shows the OpenAPI document of the server that the page came from. */
const add = (parent, name, text) => {
  const element = document.createElement(name)
  if (text !== undefined) element.textContent = text
  parent.append(element)
  return element
}
const show = (api) => {
  document.getElementById('about').textContent = `${api.info.description ?? ''} (version ${api.info.version})`
  const paths = document.getElementById('paths')
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const details = add(paths, 'details')
      const summary = add(details, 'summary')
      add(summary, 'span', method.toUpperCase()).className = 'method'
      add(summary, 'code', path)
      add(summary, 'span', ` ${operation.summary ?? ''}`)
      if (operation.description) add(details, 'p', operation.description)
      const table = add(details, 'table')
      for (const parameter of operation.parameters ?? []) {
        const row = add(table, 'tr')
        add(add(row, 'td'), 'code', parameter.name)
        add(row, 'td', parameter.description ?? '')
      }
      for (const [status, response] of Object.entries(operation.responses ?? {})) {
        const row = add(table, 'tr')
        add(row, 'td', status)
        add(row, 'td', response.description)
      }
    }
  }
  const schemas = document.getElementById('schemas')
  for (const [name, schema] of Object.entries(api.components?.schemas ?? {})) {
    const details = add(schemas, 'details')
    add(add(details, 'summary'), 'code', name)
    add(details, 'pre', JSON.stringify(schema, null, 2))
  }
}
fetch('openapi.json').then((response) => response.json()).then(show, (error) => {
  document.getElementById('about').textContent = `The description could not be loaded: ${error.message}`
})
