// Everything in one resource group of its own. See docs/deploy.md.
targetScope = 'subscription'

@minLength(1)
@maxLength(48)
@description('Names the resource group; all other names derive from it.')
param environmentName string

@description('Region of everything, Azure OpenAI included.')
param location string

@description('Who may drop files and read results besides the app; empty: nobody.')
param principalId string = ''

@allowed(['User', 'Group', 'ServicePrincipal'])
param principalType string = 'User'

@description('Model of the batch deployment, which has the same name.')
param model string

param modelVersion string

@allowed(['GlobalBatch', 'DataZoneBatch'])
param batchSku string = 'GlobalBatch'

@minValue(1)
@description('Tokens the deployment may have enqueued, in thousands.')
param batchCapacity int

@description('Whether the service may read and write blobs of the data account itself; docs/transports.md says when it must.')
param openAiUsesStorage bool = false

@description('Whether arriving files are to wake the app; the subscription itself comes after the code, from subscription.bicep.')
param events bool = true

@secure()
@description('A webhook that is told when a file or a snapshot is finished, see docs/events.md; empty: none.')
param notifyEndpoint string = ''

@description('Id of a Service Bus or storage queue that is told the same; empty: none.')
param notifyQueueId string = ''

@allowed(['key', 'entra'])
@description('Who may call the HTTP API: whoever has a function key, or people of the tenant who sign in.')
param access string = 'key'

@description('Application (client) id of the app registration that people sign in with; for access entra.')
param entraClientId string = ''

@minValue(0)
@description('Days after which results and errors are deleted; 0: never.')
param keepDays int = 0

@secure()
@description('App settings besides those set here, by name; docs/settings.md has all of them.')
param settings { *: string } = {}

var tags = { 'azd-env-name': environmentName }
var token = uniqueString(subscription().id, environmentName, location)

// All names are known at the start, so `what-if` can tell every resource and every role.
var identityName = 'id-${token}'
var dataAccountName = 'data${token}'
var hostAccountName = 'host${token}'
var appName = 'func-${token}'
var topicName = 'evgt-${token}'
var identityId = resourceId(
  subscription().subscriptionId,
  group.name,
  'Microsoft.ManagedIdentity/userAssignedIdentities',
  identityName
)

// What cannot work is refused before there is an app.
var continuous = toLower(trim(settings.?CONTINUOUS_MODE ?? 'true'))
var schedule = filter(split(settings.?SWEEP_SCHEDULE ?? '0 * * * * *', ' '), field => !empty(field))
var checkedSettings = events && contains(['false', '0'], continuous)
  ? fail('CONTINUOUS_MODE is false, so no function waits for events: set EVENTS to false, too (azd env set EVENTS false).')
  : contains([0, 6], length(schedule))
      ? settings
      : fail('SWEEP_SCHEDULE needs six fields, the first one for seconds: "0 */5 * * * *" is every five minutes.')

var checkedClientId = access == 'entra' && empty(entraClientId)
  ? fail('ACCESS is entra: set ENTRA_CLIENT_ID to the app registration that people sign in with, see docs/deploy.md.')
  : entraClientId

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module monitoring 'monitoring.bicep' = {
  scope: group
  params: { location: location, tags: tags, token: token, identityName: identityName }
}

module data 'data.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    name: dataAccountName
    identityId: identityId
    appPrincipalId: monitoring.outputs.principalId
    principalId: principalId
    principalType: principalType
    keepDays: keepDays
    pageOrigin: 'https://${appName}.azurewebsites.net'
    workspaceId: monitoring.outputs.workspaceId
  }
}

module openai 'openai.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    name: 'oai-${token}'
    identityId: identityId
    appPrincipalId: monitoring.outputs.principalId
    dataAccountName: dataAccountName
    model: model
    modelVersion: modelVersion
    batchSku: batchSku
    batchCapacity: batchCapacity
    usesStorage: openAiUsesStorage
    workspaceId: monitoring.outputs.workspaceId
  }
  dependsOn: [data]
}

module app 'app.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    name: appName
    planName: 'plan-${token}'
    hostAccountName: hostAccountName
    identityId: identityId
    appPrincipalId: monitoring.outputs.principalId
    clientId: monitoring.outputs.clientId
    insightsConnection: monitoring.outputs.insightsConnection
    workspaceId: monitoring.outputs.workspaceId
    dataEndpoints: data.outputs.endpoints
    openAiEndpoint: openai.outputs.endpoint
    deployment: model
    batchCapacity: batchCapacity
    access: access
    entraClientId: checkedClientId
    settings: union({ ACCESS: access }, checkedSettings)
  }
}

module arrivals 'events.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    name: topicName
    dataAccountName: dataAccountName
    hostAccountName: hostAccountName
    workspaceId: monitoring.outputs.workspaceId
  }
  dependsOn: [data, app]
}

module notify 'notify.bicep' = {
  scope: group
  params: {
    topicName: topicName
    topicPrincipalId: arrivals.outputs.principalId
    hostAccountName: hostAccountName
    endpoint: notifyEndpoint
    queueId: notifyQueueId
  }
}

output AZURE_RESOURCE_GROUP string = group.name
output APP_NAME string = appName
output APP_URL string = app.outputs.url
output PAGE_URL string = '${app.outputs.url}/ui'
output DATA_ACCOUNT string = dataAccountName
output HOST_ACCOUNT string = hostAccountName
output EVENT_TOPIC string = topicName
output EVENTS bool = events
output AZURE_OPENAI_ENDPOINT string = openai.outputs.endpoint
