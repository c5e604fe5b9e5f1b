// Azure OpenAI with one batch deployment.
param location string
param tags { *: string }
param name string

@description('Stands for the app in the names of its roles.')
param identityId string
param appPrincipalId string
param dataAccountName string
param model string
param modelVersion string
param batchSku string
param batchCapacity int
param usesStorage bool
param workspaceId string

// "OpenAI User" is not enough: it may neither upload files nor create batches.
var cognitiveServicesOpenAiContributor = 'a001fd3d-188f-4b5d-821b-7da978bf7442'
var storageBlobDataContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'

resource account 'Microsoft.CognitiveServices/accounts@2026-07-01' = {
  name: name
  location: location
  tags: tags
  kind: 'OpenAI'
  sku: { name: 'S0' }
  identity: { type: 'SystemAssigned' }
  properties: {
    customSubDomainName: name
    disableLocalAuth: true
    publicNetworkAccess: 'Enabled'
  }
}

resource deployment 'Microsoft.CognitiveServices/accounts/deployments@2026-07-01' = {
  parent: account
  name: model
  sku: { name: batchSku, capacity: batchCapacity }
  properties: {
    model: { format: 'OpenAI', name: model, version: modelVersion }
  }
}

resource mayUse 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, identityId, cognitiveServicesOpenAiContributor)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', cognitiveServicesOpenAiContributor)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource dataAccount 'Microsoft.Storage/storageAccounts@2026-06-01' existing = {
  name: dataAccountName

  resource blobs 'blobServices' existing = {
    name: 'default'

    resource work 'containers' existing = {
      name: 'work'
    }
  }
}

// For the transports that let the service read shards, or write answers, itself: both lie in the work container.
resource mayUseStorage 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (usesStorage) {
  name: guid(dataAccount::blobs::work.id, account.id, storageBlobDataContributor)
  scope: dataAccount::blobs::work
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataContributor)
    principalId: account.identity.principalId
    principalType: 'ServicePrincipal'
  }
}

#disable-next-line use-recent-api-versions // no newer version has them all
resource log 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'workspace'
  scope: account
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'Audit', enabled: true }
      { category: 'RequestResponse', enabled: true }
    ]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output endpoint string = 'https://${account.properties.customSubDomainName}.openai.azure.com'
