// Lets the event topic send to a queue, as itself: no key of the queue is needed, or kept anywhere.
param isStorage bool
param ownerName string
param queueName string
param senderId string
param senderPrincipalId string

var storageQueueDataMessageSender = 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a'
var azureServiceBusDataSender = '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39'

resource account 'Microsoft.Storage/storageAccounts@2026-06-01' existing = if (isStorage) {
  name: ownerName

  resource queues 'queueServices' existing = {
    name: 'default'

    resource queue 'queues' existing = {
      name: queueName
    }
  }
}

resource namespace 'Microsoft.ServiceBus/namespaces@2026-01-01' existing = if (!isStorage) {
  name: ownerName

  resource queue 'queues' existing = {
    name: queueName
  }
}

resource maySendToStorage 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (isStorage) {
  name: guid(account::queues::queue.id, senderId, storageQueueDataMessageSender)
  scope: account::queues::queue
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageQueueDataMessageSender)
    principalId: senderPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource maySendToBus 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!isStorage) {
  name: guid(namespace::queue.id, senderId, azureServiceBusDataSender)
  scope: namespace::queue
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', azureServiceBusDataSender)
    principalId: senderPrincipalId
    principalType: 'ServicePrincipal'
  }
}
