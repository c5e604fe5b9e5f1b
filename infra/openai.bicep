// Azure OpenAI with one batch deployment.
param location string
param tags object
param token string
param appPrincipalId string
param dataAccountName string
param model string
param modelVersion string
param batchSku string
param batchCapacity int
param usesStorage bool

// "OpenAI User" is not enough: it may neither upload files nor create batches.
var cognitiveServicesOpenAiContributor = 'a001fd3d-188f-4b5d-821b-7da978bf7442'
var storageBlobDataContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'

resource account 'Microsoft.CognitiveServices/accounts@2024-10-01' = {
  name: 'oai-${token}'
  location: location
  tags: tags
  kind: 'OpenAI'
  sku: { name: 'S0' }
  identity: { type: 'SystemAssigned' }
  properties: {
    customSubDomainName: 'oai-${token}'
    disableLocalAuth: true
    publicNetworkAccess: 'Enabled'
  }
}

resource deployment 'Microsoft.CognitiveServices/accounts/deployments@2024-10-01' = {
  parent: account
  name: model
  sku: { name: batchSku, capacity: batchCapacity }
  properties: {
    model: { format: 'OpenAI', name: model, version: modelVersion }
  }
}

resource mayUse 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, appPrincipalId, cognitiveServicesOpenAiContributor)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', cognitiveServicesOpenAiContributor)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource dataAccount 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: dataAccountName
}

// For the transports that let the service read shards, or write answers, itself.
resource mayUseStorage 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (usesStorage) {
  name: guid(dataAccount.id, account.id, storageBlobDataContributor)
  scope: dataAccount
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataContributor)
    principalId: account.identity.principalId
    principalType: 'ServicePrincipal'
  }
}

output endpoint string = 'https://${account.properties.customSubDomainName}.openai.azure.com'
